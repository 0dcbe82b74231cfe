//! One started pod of the embedded cluster: its containers, and what the store gets to know of them.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Started,
    containers::{Containers, Ended, Notes},
    mounts::Ready,
    nudge_waiting_pods, remove_object,
};
use crate::{
    cluster::{Busy, Inner},
    object,
    store::{Key, Store, lifecycle},
};

/// Everything a pod's task needs.
struct Pod {
    inner: Arc<Inner>,
    key: Key,
    uid: String,
    containers: Containers,
}

/// Starts a pod whose volumes are ready.
pub(super) fn start(inner: &Arc<Inner>, store: &mut Store, key: &Key, object: &Arc<Value>, mounts: Vec<Ready>) {
    let (containers, stop) = Containers::new(Arc::clone(&inner.machine), Arc::clone(object), mounts);
    let uid = object::uid(object).to_owned();
    let started = Started {
        key: key.clone(),
        node: object::text(object, "/spec/nodeName").unwrap_or_default().to_owned(),
        claims: containers.claims(),
        logs: containers.logs().clone(),
        stop,
        stopping: None,
        ended: false,
    };
    inner.node.started().insert(uid.clone(), started);
    let pod = Pod { inner: Arc::clone(inner), key: key.clone(), uid, containers };
    // A pod of processes comes to its end by itself, so the cluster is not settled before; others run until deleted.
    let busy = pod.containers.end_by_themselves().then(|| inner.busy());
    if busy.is_none() {
        pod.edit_in(store, |object| pod.containers.mark_running(object));
    }
    tokio::spawn(pod.run(busy));
}

impl Notes for Pod {
    async fn note(&self, change: impl FnOnce(&mut Value) + Send) {
        self.edit_in(&mut self.inner.store(), change);
    }
}

impl Pod {
    async fn run(self, busy: Option<Busy>) {
        let ended = self.containers.run(&self).await;
        let stopping = self.end(ended);
        drop((busy, stopping));
    }

    /// Changes this pod's object, unless another pod has its name by now.
    fn edit_in(&self, store: &mut Store, change: impl FnOnce(&mut Value)) {
        if store.get(&self.key).is_some_and(|present| object::uid(&present) == self.uid) {
            lifecycle::edit(store, &self.key, change);
        }
    }

    /// Notes that nothing of the pod runs any more.
    ///
    /// Returns what kept the cluster busy since the order to stop; it is let go once the end is written.
    fn end(&self, ended: Ended) -> Option<Busy> {
        let mut store = self.inner.store();
        // Before the object is written, so that whoever waits for the volume finds it free.
        let stopping = self.inner.node.started().get_mut(&self.uid).and_then(|started| {
            started.ended = true;
            started.stopping.take()
        });
        self.edit_in(&mut store, |pod| self.containers.mark_ended(pod, ended));
        match store.get(&self.key).filter(|present| object::uid(present) == self.uid) {
            Some(present) if object::is_terminating(&present) => remove_object(&mut store, &self.key, &self.uid),
            Some(_) => {}
            None => {
                self.inner.node.started().remove(&self.uid);
            }
        }
        nudge_waiting_pods(&mut store, &self.key.namespace);
        stopping
    }
}
