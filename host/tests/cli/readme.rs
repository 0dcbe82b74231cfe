//! The README's table of exit codes is the code's.

#[test]
fn the_exit_codes_in_the_readme_are_those_of_the_code() {
    let readme = std::fs::read_to_string(crate::repository("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- exit codes: begin").unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (table, _) = rest.split_once("<!-- exit codes: end -->").unwrap();
    assert_eq!(table.trim(), pvmigrate::exit::table_markdown().trim());
}
