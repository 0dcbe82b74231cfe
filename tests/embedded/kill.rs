//! Kills at every write, on both sides of it.

use pvmigrate_rehearsal::When;
use pvmigrate_tests::{Place, Scenario, checks};

use crate::scenarios::each_scenario;

each_scenario!(kill_at_every_write);

async fn kill_at_every_write(name: &str, scenario: &Scenario) {
    let sides = [When::BeforeWrite, When::AfterWrite];
    checks::kill::kill_at_every_write(&Place::Embedded, name, scenario, &sides, 4).await;
}
