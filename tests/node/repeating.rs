//! Actions that are repeated beside a run.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use crate::stage::Stage;

/// An action that goes on until it is told to end.
pub(crate) struct Repeating<T> {
    ended: Arc<AtomicBool>,
    task: JoinHandle<T>,
}

/// The times of the turns.
pub(crate) struct Turns {
    ended: Arc<AtomicBool>,
    interval: Duration,
}

impl Turns {
    /// Waits for the next turn; returns whether there is one.
    pub(crate) async fn next(&self) -> bool {
        tokio::time::sleep(self.interval).await;
        !self.ended.load(Ordering::Relaxed)
    }
}

impl<T: Send + 'static> Repeating<T> {
    /// Starts to take turns.
    pub(crate) fn every<F>(interval: Duration, act: impl FnOnce(Turns) -> F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let ended = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(act(Turns { ended: Arc::clone(&ended), interval }));
        Self { ended, task }
    }

    /// Makes the turn under way the last, and returns the result of all.
    pub(crate) async fn end(self) -> T {
        self.ended.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Sets a workload's scale five times a second, whatever others set; counts how often it was at 0 before.
pub(crate) fn scaling_up(stage: &Stage, kind: &'static str, name: &'static str, replicas: u32) -> Repeating<u32> {
    let (real, namespace) = (stage.real.clone(), stage.namespace.clone());
    Repeating::every(Duration::from_millis(200), move |turns| async move {
        let mut raised = 0;
        while turns.next().await {
            let before = real.get(kind, &namespace, name).await;
            let patched = real.patch(kind, &namespace, name, &json!({"spec": {"replicas": replicas}})).await;
            let was_down = before.is_ok_and(|before| before["spec"]["replicas"] == json!(0));
            raised += u32::from(patched.is_ok() && was_down);
        }
        raised
    })
}
