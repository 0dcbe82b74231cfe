//! Kills at every write, on a real API server. One side of each write: after one write is before the next.

use pvmigrate_rehearsal::When;

use crate::cluster::on_the_cluster;

/// How many scenes of one scenario run at once.
const AT_ONCE: usize = 4;

macro_rules! on_a_real_cluster {
    ($($name:ident = $scenario:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let scenario = &pvmigrate_tests::scenarios::$scenario;
                on_the_cluster(async |place| {
                    pvmigrate_tests::checks::kill::kill_at_every_write(place, stringify!($name), scenario, &[When::AfterWrite], AT_ONCE).await;
                });
            }
        )*
    };
}

pvmigrate_tests::each_scenario!(on_a_real_cluster!());
