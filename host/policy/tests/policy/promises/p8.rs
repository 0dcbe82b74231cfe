//! P8: No machine code is taken from outside: only what this program has compiled itself, or what it finds in a folder that
//! belongs to the user and that nobody else can write to.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pvmigrate_policy::{FailureKind, Limits, NotComponent, Policy, cache_warning};

#[test]
fn machine_code_is_refused_under_any_name() {
    let engine = wasmtime::Engine::default();
    let component = wat::parse_str("(component)").expect("a component");
    let module = wat::parse_str("(module)").expect("a module");
    let code = [engine.precompile_component(&component), engine.precompile_module(&module)];
    let folder = tempfile::tempdir().expect("a folder");
    for code in code.map(|code| code.expect("machine code")) {
        assert!(code.starts_with(b"\x7fELF"));
        for name in ["x.cwasm", "x.wasm"] {
            let file = folder.path().join(name);
            std::fs::write(&file, &code).expect("a file");
            let failure = Policy::open(&file, &Limits::default()).expect_err("machine code");
            assert!(matches!(failure.kind, FailureKind::NotAComponent(NotComponent::Precompiled)), "{failure}");
            assert!(failure.to_string().contains("precompiled machine code (.cwasm), which is never run"), "{failure}");
        }
    }
}

/// Opens a policy in a process of its own with this folder for its cache; returns why the folder is not used.
fn with_cache(folder: &Path) -> Option<String> {
    let tests = std::env::current_exe().expect("this program");
    let done = Command::new(tests)
        .args(["--exact", "promises::p8::in_a_process_of_its_own", "--nocapture"])
        .env("PVMIGRATE_CACHE_DIR", folder)
        .env_remove("PVMIGRATE_CACHE")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    said.lines().find_map(|line| Some(line.split_once("warning: ")?.1.to_owned()))
}

/// What [`with_cache`] runs. By itself it opens a policy as any program does.
#[test]
#[allow(clippy::print_stdout, reason = "that is how the other process hears of it")]
fn in_a_process_of_its_own() {
    if let Some(warning) = cache_warning() {
        println!("\nwarning: {warning}");
    }
    let file = super::super::support::built("keep-and-cap");
    let policy = Policy::open(&file, &Limits::default()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(policy.info().name, "keep-and-cap");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_others_could_have_put_into_the_cache_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    assert_eq!(with_cache(&cache), None);
    let compiled = files(&cache);
    assert!(!compiled.is_empty(), "what was compiled is kept");

    // Damaged code is not run, but compiled again.
    for file in &compiled {
        std::fs::write(file, b"\x7fELF, but no code").expect("a file");
    }
    assert_eq!(with_cache(&cache), None);
    assert!(compiled.iter().any(|file| std::fs::read(file).is_ok_and(|bytes| bytes.len() > 1_000)));

    // Another user could have written into this one, so nothing in it is even read.
    let inner = cache.join("compiled");
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o777)).expect("a mode");
    for file in &compiled {
        std::fs::write(file, b"poison").expect("a file");
    }
    let warning = with_cache(&cache).expect("a warning");
    assert!(warning.contains("is open to other users"), "{warning}");
    assert!(compiled.iter().all(|file| std::fs::read(file).is_ok_and(|bytes| bytes == b"poison")), "nothing is mended");
}
