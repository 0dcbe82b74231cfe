//! Two processes at once, on a real API server.

use crate::cluster::on_the_cluster;

/// How many pairs each scenario goes through.
const PAIRS: u64 = 2;

macro_rules! on_a_real_cluster {
    ($($name:ident = $scenario:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let scenario = &pvmigrate_tests::scenarios::$scenario;
                on_the_cluster(async |place| {
                    pvmigrate_tests::checks::two::two_at_once(place, stringify!($name), scenario, PAIRS).await;
                });
            }
        )*
    };
}

pvmigrate_tests::each_scenario!(on_a_real_cluster!());
