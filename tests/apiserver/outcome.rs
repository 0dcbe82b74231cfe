//! The outcome that each scenario must have, on a real API server.

use crate::cluster::on_the_cluster;

macro_rules! on_a_real_cluster {
    ($($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                on_the_cluster(async |place| pvmigrate_tests::checks::outcome::$check(place).await);
            }
        )*
    };
}

pvmigrate_tests::each_outcome!(on_a_real_cluster);
