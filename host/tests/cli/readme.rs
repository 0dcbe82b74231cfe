//! What the README says of the code: its table of exit codes, and the command that dumps a cluster.

#[test]
fn the_exit_codes_in_the_readme_are_those_of_the_code() {
    let readme = std::fs::read_to_string(crate::repository("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- exit codes: begin").unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (table, _) = rest.split_once("<!-- exit codes: end -->").unwrap();
    assert_eq!(table.trim(), pvmigrate::exit::table_markdown().trim());
}

#[test]
fn one_command_dumps_a_cluster_for_everything() {
    const DUMP: &str = "kubectl get ns,no,sc,pv,pvc,pods,deploy,sts,rs,ds,jobs,cj,quota,limits -A -o yaml";
    for file in ["README.md", "policies/README.md", "host/src/commands/policy/run.rs"] {
        let text = std::fs::read_to_string(crate::repository(file)).unwrap();
        assert!(text.contains(DUMP), "{file}");
        assert_eq!(text.matches("-A -o yaml").count(), text.matches(DUMP).count(), "{file} has another one too");
    }
}
