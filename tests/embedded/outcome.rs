//! What each scenario must come to, on embedded clusters.

macro_rules! on_embedded_clusters {
    ($($check:ident,)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                pvmigrate_tests::checks::outcome::$check(&pvmigrate_tests::Place::Embedded).await;
            }
        )*
    };
}

pvmigrate_tests::each_outcome!(on_embedded_clusters);
