//! Policy projects: what is made, when it is built again, and the message when it cannot be built. `tests/templates`
//! tries the real toolchains; here a copy stands in for a compiler.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;

use pvmigrate_policy_kit::project::{self, Built, Language, ProjectError, Want};

const COPIES: &str = "apiVersion: pvmigrate.dev/policy-project/v1
command: [sh, -c, 'echo built >> log; cp src/policy.wasm out.wasm']
inputs: [src]
output: out.wasm
";

/// Makes a project that "compiles" by copying the component of the built-in policy.
fn copying(yaml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/dist/default.wasm");
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::copy(component, dir.path().join("src/policy.wasm")).unwrap();
    std::fs::write(dir.path().join("policy.yaml"), yaml).unwrap();
    dir
}

fn artifact(dir: &Path) -> Result<Built, ProjectError> {
    project::build(dir, false, &|_| ())
}

fn times_built(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("log")).map_or(0, |log| log.lines().count())
}

#[test]
fn content_tells_whether_it_is_stale() {
    let dir = copying(COPIES);
    let dir = dir.path();
    let first = artifact(dir).unwrap();
    assert!(first.took.is_some() && first.file.ends_with(".pvmigrate/policy.wasm"));
    assert_eq!(std::fs::read(&first.file).unwrap(), std::fs::read(dir.join("src/policy.wasm")).unwrap());

    assert_eq!(artifact(dir).unwrap().took, None);
    // A new time is not a new content.
    let same = std::fs::read(dir.join("src/policy.wasm")).unwrap();
    std::fs::write(dir.join("src/policy.wasm"), same).unwrap();
    assert_eq!(artifact(dir).unwrap().took, None);
    assert_eq!(times_built(dir), 1);

    std::fs::write(dir.join("src/note"), "an input").unwrap();
    assert!(artifact(dir).unwrap().took.is_some(), "a new file among the inputs");
    std::fs::write(dir.join("policy.yaml"), format!("{COPIES}# changed\n")).unwrap();
    assert!(artifact(dir).unwrap().took.is_some(), "another policy.yaml");
    std::fs::write(&first.file, "not what was built").unwrap();
    assert!(artifact(dir).unwrap().took.is_some(), "another output");
    std::fs::write(dir.join("elsewhere"), "no input").unwrap();
    assert_eq!(artifact(dir).unwrap().took, None);
    assert!(project::build(dir, true, &|_| {}).unwrap().took.is_some(), "asked for");
    assert_eq!(times_built(dir), 5);
}

#[test]
fn two_at_once_build_once() {
    let dir = copying(COPIES);
    std::thread::scope(|scope| {
        let builds: Vec<_> = (0..4).map(|_| scope.spawn(|| artifact(dir.path()).unwrap())).collect();
        let built = builds.into_iter().map(|build| build.join().unwrap());
        assert_eq!(built.filter(|built| built.took.is_some()).count(), 1);
    });
    assert_eq!(times_built(dir.path()), 1);
}

#[test]
fn a_failure_is_shown_with_its_words_and_leaves_nothing() {
    let dir = copying(&COPIES.replace("echo built >> log; cp", r#"printf "no such thing: \033[2J" >&2; exit 3; cp"#));
    let error = artifact(dir.path()).unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert_eq!(error.output(), Some(r"no such thing: \u{1b}[2J"));
    assert!(!dir.path().join(".pvmigrate/policy.wasm").exists());

    let dir = copying(&COPIES.replace("cp src/policy.wasm out.wasm", "echo text > out.wasm"));
    assert!(matches!(artifact(dir.path()), Err(ProjectError::Wrap(_))));
    let dir = copying(&COPIES.replace("cp src/policy.wasm out.wasm", "true"));
    assert!(artifact(dir.path()).unwrap_err().to_string().contains("out.wasm"));
}

#[test]
fn a_wrong_file_is_named_with_what_is_wrong() {
    for (yaml, words) in [
        (COPIES.replace("inputs:", "input:"), "input"),
        (COPIES.replace("/v1", "/v9"), "pvmigrate.dev/policy-project/v1 is wanted"),
        (COPIES.replace("[src]", "[../src]"), "leads out of the project"),
        (COPIES.replace("[src]", "[]"), "name the files and folders"),
        (COPIES.replace("[src]", "[source]"), "source"),
        (COPIES.replace("output: out.wasm\n", ""), "name the file that the command writes"),
        (format!("{COPIES}language: rust\n"), "language and command are both set"),
        (COPIES.replace("output: out.wasm\n", "").replace("command: [sh", "language: python #"), "exports: name what"),
        (format!("{COPIES}exports: [selections]\n"), "unknown interface \"selections\""),
    ] {
        let dir = copying(&yaml);
        let error = artifact(dir.path()).unwrap_err().to_string();
        assert!(error.contains(words), "{yaml}\n{error}");
    }
    let nothing = tempfile::tempdir().unwrap();
    assert!(!project::is_project(nothing.path()));
    assert!(matches!(artifact(nothing.path()), Err(ProjectError::NotAProject(_))));
}

#[test]
fn what_is_wrong_with_python_source_is_told_before_anything_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("keep");
    project::create(&dir, "keep", Language::Python).unwrap();
    let quick = || project::ready(&dir, Want::Quick, &|note| panic!("{note}")).unwrap_err();
    std::fs::write(dir.join("policy.py"), b"x = '\xff'").unwrap();
    let error = quick();
    assert_eq!(error.to_string(), "policy.py: SyntaxError: it is not UTF-8");
    assert!(matches!(error, ProjectError::Source(_)));
    let yaml = std::fs::read_to_string(dir.join("policy.yaml")).unwrap();
    std::fs::remove_file(dir.join("policy.py")).unwrap();
    std::fs::write(
        dir.join("policy.yaml"),
        yaml.replace("[policy.py, ", "[").replace("entry: policy.py", "entry: sub/rule.py"),
    )
    .unwrap();
    let said = quick().to_string();
    assert!(said.ends_with("entry: sub/rule.py not found"), "{said}");
}

#[test]
fn new_projects_have_all_that_they_need() {
    for (language, wanted) in [
        (Language::Rust, ["src/lib.rs", "vendor/sdk/src/lib.rs", "vendor/sdk-derive/src/lib.rs"]),
        (Language::Python, ["policy.py", "pvmigrate_policy.py", ".gitignore"]),
        (Language::Js, ["policy.js", "pvmigrate-policy.js", ".gitignore"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new-one");
        let created = project::create(&dir, "new-one", language).unwrap();
        assert!(project::is_project(&dir));
        for file in created.files.iter().map(|file| file.to_str().unwrap()).chain(wanted) {
            let text = std::fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!text.contains("policy-name"), "{file}");
        }
        for file in ["wit/0.2.0/types.wit", "README.md", "cases/keep.test.yaml", "cases/cluster.yaml"] {
            assert!(dir.join(file).is_file(), "{file}");
        }
        assert!(matches!(project::create(&dir, "new-one", language), Err(ProjectError::NotEmpty(_))));
    }
}

#[test]
fn names_are_checked_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", "Keep", "9lives", "keep_it", "keep-", "a--b", "../up", "test", "käse"] {
        let error = project::create(&dir.path().join("x"), name, Language::Rust).unwrap_err();
        assert!(matches!(error, ProjectError::Name { .. }), "{name}: {error}");
    }
    assert!(!dir.path().join("x").exists());
}
