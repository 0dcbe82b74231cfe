//! The one real cluster that all tests of this binary share.

use std::sync::OnceLock;

use pvmigrate_tests::paper::Paper;
use pvmigrate_tests::{Place, real};
use tokio::runtime::Runtime;

struct Shared {
    /// Outlives each test, with the paper nodes on it.
    runtime: Runtime,
    paper: Paper,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        real::require("apiserver", "control");
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async { kube::Client::try_default().await.unwrap() });
        let paper = runtime.block_on(Paper::start(client)).unwrap();
        Shared { runtime, paper }
    })
}

/// Runs a test on the cluster.
pub(crate) fn on_the_cluster(test: impl AsyncFnOnce(&Place)) {
    let shared = shared();
    shared.runtime.block_on(test(&Place::Real(shared.paper.clone())));
}
