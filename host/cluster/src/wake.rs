//! Wakes those who wait when a watch cache changes. Nothing is polled anywhere.

use std::collections::HashMap;

use tokio::sync::watch;

/// The number of changes of all caches.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    marks: watch::Sender<Marks>,
}

/// Changes by namespace; those of volumes and of the watches themselves concern everybody.
#[derive(Debug, Default)]
struct Marks {
    everybody: u64,
    namespaces: HashMap<String, u64>,
}

impl Marks {
    fn of(&self, namespace: &str) -> u64 {
        // Both only grow, so their sum changes whenever one does.
        self.everybody + self.namespaces.get(namespace).copied().unwrap_or(0)
    }
}

impl Hub {
    /// Notes a change in a namespace; an empty one concerns everybody.
    pub(crate) fn changed(&self, namespace: &str) {
        self.marks.send_modify(|marks| {
            if namespace.is_empty() {
                marks.everybody += 1;
            } else if let Some(count) = marks.namespaces.get_mut(namespace) {
                *count += 1;
            } else {
                marks.namespaces.insert(namespace.to_owned(), 1);
            }
        });
    }

    pub(crate) fn wake(&self, namespace: &str) -> Wake {
        let marks = self.marks.subscribe();
        let seen = marks.borrow().of(namespace);
        Wake { marks, namespace: namespace.to_owned(), seen }
    }
}

/// A wait for changes of one namespace and of volumes.
#[derive(Debug)]
pub struct Wake {
    marks: watch::Receiver<Marks>,
    namespace: String,
    seen: u64,
}

impl Wake {
    /// Resolves as soon as something has changed since the wake was made, or since this last resolved.
    ///
    /// So: make the wake, observe, decide, and when there is nothing to do, await this; no change is missed between.
    /// Cancel safe.
    pub async fn changed(&mut self) {
        loop {
            let now = self.marks.borrow_and_update().of(&self.namespace);
            if now != self.seen {
                self.seen = now;
                return;
            }
            if self.marks.changed().await.is_err() {
                // The caches are gone; the next look says so.
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_change_before_the_wait_is_not_missed_and_wakes_once() {
        let hub = Hub::default();
        let mut wake = hub.wake("shop");
        assert!(wake.changed().now_or_never().is_none());
        hub.changed("shop");
        hub.changed("shop");
        assert!(wake.changed().now_or_never().is_some());
        assert!(wake.changed().now_or_never().is_none());
    }

    #[tokio::test]
    async fn other_namespaces_do_not_wake_and_volumes_do() {
        let hub = Hub::default();
        let mut wake = hub.wake("shop");
        hub.changed("bank");
        assert!(wake.changed().now_or_never().is_none());
        hub.changed("");
        assert!(wake.changed().now_or_never().is_some());
    }
}
