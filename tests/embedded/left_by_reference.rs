//! What the reference tool leaves halfway, on embedded clusters.

use pvmigrate_tests::Place;
use pvmigrate_tests::checks::left_by_reference as check;

#[tokio::test]
async fn every_state_is_finished() {
    check::every_state_is_finished(&Place::Embedded, 4).await;
}

#[tokio::test]
async fn a_kill_after_every_write_is_finished() {
    check::a_kill_after_every_write_is_finished(&Place::Embedded, 3, 6).await;
}
