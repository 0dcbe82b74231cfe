//! The output of copies under way, for progress and `--verbose-copy`.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::StreamExt;
use pvmigrate_cluster::ClusterWorld;
use pvmigrate_core::ports::RecordId;

use crate::driver::{Event, Reporter};

/// How long a copy runs before its output is followed, unless every line is wanted. Following costs a request, and
/// shows how far a copy is; most have ended before anybody could ask.
const FOLLOWED_AFTER: Duration = Duration::from_secs(3);

/// A listener that also follows the output of copies, for another listener.
pub(super) struct Following {
    pub(super) world: ClusterWorld,
    pub(super) to: Arc<dyn Reporter + Send + Sync>,
}

impl Reporter for Following {
    fn report(&self, group: &RecordId, event: Event<'_>) {
        if let Event::Copying { claim, pod } = &event {
            let (world, to) = (self.world.clone(), Arc::clone(&self.to));
            let (group, claim, pod) = (group.clone(), (*claim).to_owned(), pod.name.clone());
            tokio::spawn(async move {
                if !to.wants_every_line() {
                    tokio::time::sleep(FOLLOWED_AFTER).await;
                    if !world.is_copying(&group.namespace, &pod, &claim) {
                        return;
                    }
                }
                let mut lines = std::pin::pin!(world.copy_lines(&group.namespace, &pod, &claim));
                while let Some(line) = lines.next().await {
                    to.rsync(&group, &claim, &line.text);
                }
            });
        }
        self.to.report(group, event);
    }

    fn checking(&self, class: &str, trials: usize) {
        self.to.checking(class, trials);
    }

    fn rsync(&self, group: &RecordId, claim: &str, line: &str) {
        self.to.rsync(group, claim, line);
    }

    fn wants_every_line(&self) -> bool {
        self.to.wants_every_line()
    }
}
