//! Journals that workloads write until they are stopped: no line may be lost, none torn.

use std::path::{Path, PathBuf};

use pvmigrate_tests::apps::App;

use crate::stage::{CSI, LOCAL, Stage};

/// Makes sure that the journal of a claim has every line from the first on, and begins with all that the old volume holds,
/// whose disk stays behind. Returns its number of lines.
pub(crate) fn assert_whole(old: &Path, new: &Path) -> usize {
    let read = |directory: &Path| std::fs::read_to_string(directory.join("journal")).unwrap();
    let (old, new) = (read(old), read(new));
    assert!(new.starts_with(&old), "lines of the old volume are lost: {:?} ...", &old[old.len().saturating_sub(99)..]);
    // The workload may be writing its last line right now.
    let whole = new.rfind('\n').map_or("", |end| &new[..end]);
    for (at, line) in whole.lines().enumerate() {
        let number = line.split_once(" of ").and_then(|(number, _)| number.parse::<usize>().ok());
        assert_eq!(number, Some(at + 1), "line {at} is {line:?}");
    }
    whole.lines().count()
}

/// Makes a writer, and returns where its old volume lies.
pub(crate) async fn writer(stage: &Stage, class: &str) -> PathBuf {
    stage.deploy(&App::writer(&stage.namespace, "writer"), "written", class).await;
    stage.directory("written").await
}

async fn written_until_the_fence(namespace: &str, classes: [&str; 2], words: &[&str]) {
    let stage = Stage::new(namespace).await;
    let old = writer(&stage, classes[0]).await;
    stage.migrated(classes, words).await;
    stage.assert_runs("Deployment", "writer", 1).await;
    stage.assert_claims(&["written"], classes[1]).await;
    let lines = assert_whole(&old, &stage.directory("written").await);
    stage.end(&format!("{lines} lines written before, during and after, none lost")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_written_until_the_fence() {
    written_until_the_fence("journal", CSI, &["--no-warm"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_written_during_warm_passes() {
    written_until_the_fence("journal-warm", LOCAL, &[]).await;
}
