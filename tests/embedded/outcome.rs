//! The outcome that each scenario must have, on embedded clusters.

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

// A share of a real cluster has no quota of its own.
on_embedded_clusters!(a_quota_without_room_for_the_claims_of_the_way_brings_the_group_back,);
