//! Kills at writes, on a real API server. On one side of a write only: after one write is before the next.
//!
//! Every fifth write, as each run takes seconds here; every one where `PVMIGRATE_EVERY_WRITE` is set.

use pvmigrate_rehearsal::When;
use pvmigrate_tests::checks::kill::{Kills, kill_at_writes};

use crate::cluster::on_the_cluster;

fn kills() -> Kills {
    let every = if std::env::var_os("PVMIGRATE_EVERY_WRITE").is_some() { 1 } else { 5 };
    Kills { sides: &[When::AfterWrite], every, at_once: 4 }
}

macro_rules! on_a_real_cluster {
    ($($name:ident = $scenario:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let scenario = &pvmigrate_tests::scenarios::$scenario;
                on_the_cluster(async |place| {
                    kill_at_writes(place, stringify!($name), scenario, kills()).await;
                });
            }
        )*
    };
}

pvmigrate_tests::each_scenario!(on_a_real_cluster!());
