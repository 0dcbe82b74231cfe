//! The list of behaviours, checked on the embedded cluster; `tests/apiserver` checks a real one against the same list.

/// Looks at each listed behaviour in an embedded cluster of its own.
macro_rules! on_the_embedded_cluster {
    ($($module:ident :: $test:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let embedded = crate::stage::Embedded::new().await;
                pvmigrate_conformance::$module::$test(&embedded.stage).await;
                embedded.cluster.stop().await;
            }
        )*
    };
}

pvmigrate_conformance::each_behaviour!(on_the_embedded_cluster);
