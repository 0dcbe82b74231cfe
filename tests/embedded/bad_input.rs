//! Bad input that only shows on a cluster, on embedded ones.

macro_rules! on_embedded_clusters {
    ($($check:ident,)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                pvmigrate_tests::checks::bad_input::$check(&pvmigrate_tests::Place::Embedded).await;
            }
        )*
    };
}

pvmigrate_tests::each_bad_input!(on_embedded_clusters);
