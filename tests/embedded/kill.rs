//! Kills at every write, on both sides of it.

use pvmigrate_rehearsal::When;
use pvmigrate_tests::checks::kill::{Kills, kill_at_writes};
use pvmigrate_tests::{Place, Scenario};

use crate::scenarios::each_scenario;

each_scenario!(kill_at_every_write);

async fn kill_at_every_write(name: &str, scenario: &Scenario) {
    let kills = Kills { sides: &[When::BeforeWrite, When::AfterWrite], every: 1, at_once: 8 };
    kill_at_writes(&Place::Embedded, name, scenario, kills).await;
}
