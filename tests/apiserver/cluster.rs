//! The one real cluster that all tests of this binary share.

use std::io::Write as _;
use std::sync::OnceLock;

use pvmigrate_tests::paper::Paper;
use pvmigrate_tests::{Place, real};
use tokio::runtime::Runtime;

struct Shared {
    /// Outlives each test, with the paper nodes on it.
    runtime: Runtime,
    paper: Paper,
}

fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    let start = || {
        if let Some(words) = real::left_out("apiserver", "control") {
            // Past the test harness, which keeps the output of tests that pass to itself.
            std::io::stderr().write_all(format!("{words}\n").as_bytes()).unwrap();
            return None;
        }
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async { kube::Client::try_default().await.unwrap() });
        let paper = runtime.block_on(Paper::start(client)).unwrap();
        Some(Shared { runtime, paper })
    };
    SHARED.get_or_init(start).as_ref()
}

/// Runs a test on the cluster; without one, it was said loudly that nothing is tested.
pub(crate) fn on_the_cluster(test: impl AsyncFnOnce(&Place)) {
    if let Some(shared) = shared() {
        shared.runtime.block_on(test(&Place::Real(shared.paper.clone())));
    }
}
