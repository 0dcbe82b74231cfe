//! Two processes at once, on embedded clusters.

use pvmigrate_tests::{Place, Scenario, checks};

use crate::scenarios::each_scenario;

/// How many pairs each scenario goes through.
const PAIRS: u64 = 4;

each_scenario!(two_at_once);

async fn two_at_once(name: &str, scenario: &Scenario) {
    checks::two::two_at_once(&Place::Embedded, name, scenario, PAIRS).await;
}
