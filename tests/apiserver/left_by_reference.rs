//! What the reference tool leaves halfway, on a real API server.

use pvmigrate_tests::checks::left_by_reference as check;

use crate::cluster::on_the_cluster;

#[test]
fn every_state_is_finished() {
    on_the_cluster(async |place| check::every_state_is_finished(place, 4).await);
}
