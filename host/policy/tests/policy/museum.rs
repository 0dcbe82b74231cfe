//! Policies compiled long ago, against every version of the interface that was ever released: each still loads and still
//! passes the cases it was released with. Exhibits are added, never built anew.

use std::path::PathBuf;

use pvmigrate_policy::testkit::{ExitMeaning, Options};

use super::support::run;

#[test]
fn every_exhibit_still_passes_its_cases() {
    let museum = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies/museum");
    let mut exhibits = 0;
    for entry in museum.read_dir().expect("the museum") {
        let file = entry.expect("an exhibit").path();
        if file.is_dir() {
            let exhibit = file.with_file_name(format!("{}.wasm", file.file_name().expect("a name").to_string_lossy()));
            assert!(exhibit.exists(), "{} are the cases of no exhibit", file.display());
            continue;
        }
        let cases = file.with_extension("");
        let report = run(&file, &cases, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.meaning(), ExitMeaning::Passed, "{}: {report:#?}", file.display());
        let version = file.file_name().and_then(|name| name.to_str()?.split('-').next()).expect("a version").to_owned();
        assert_eq!(report.policies[0].interface, format!("pvmigrate:policy@{version}"));
        exhibits += 1;
    }
    assert!(exhibits >= 2, "{exhibits} exhibits");
}
