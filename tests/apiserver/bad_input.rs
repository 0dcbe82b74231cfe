//! Bad input that only shows on a cluster, on a real one.

use crate::cluster::on_the_cluster;

macro_rules! on_a_real_cluster {
    ($($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                on_the_cluster(async |place| pvmigrate_tests::checks::bad_input::$check(place).await);
            }
        )*
    };
}

pvmigrate_tests::each_bad_input!(on_a_real_cluster);
