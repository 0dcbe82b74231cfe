//! The one real cluster that all tests of this binary share.

use std::sync::OnceLock;

use pvmigrate_tests::simulated::SimulatedNodes;
use pvmigrate_tests::{Place, real};
use tokio::runtime::Runtime;

struct Shared {
    /// Outlives each test, with the simulated nodes on it.
    runtime: Runtime,
    nodes: SimulatedNodes,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        real::require("apiserver", "control");
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async { kube::Client::try_default().await.unwrap() });
        let nodes = runtime.block_on(SimulatedNodes::start(client)).unwrap();
        Shared { runtime, nodes }
    })
}

/// Runs a test on the cluster.
pub(crate) fn on_the_cluster(test: impl AsyncFnOnce(&Place)) {
    let shared = shared();
    shared.runtime.block_on(test(&Place::Real(shared.nodes.clone())));
}
