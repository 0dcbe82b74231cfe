//! Components that would take very long or very much memory to compile, each a few lines here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// Measures a component without any limit.
fn amounts(bytes: &[u8]) -> BTreeMap<Measure, u64> {
    let measured = measure(bytes, |_| u64::MAX);
    measured.map(|measured| measured.amounts).unwrap_or_else(|stop| panic!("{stop:?}"))
}

fn module(body: &str) -> String {
    format!("(component (core module {body}))")
}

/// Makes a module of one function with this many local variables.
fn function(locals: usize, body: &str) -> String {
    module(&format!("(memory 1) (table 1 funcref) (func $f (param i32) (local {}) {body})", "i32 ".repeat(locals)))
}

/// Returns one text for each number.
fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}

/// Checks that a component is stopped by this measure.
fn stopped(by: Measure, shape: &str, text: &str) {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{shape}: {error}"));
    match check(&bytes) {
        Err(FailureKind::TooComplex(excess)) => assert_eq!(excess.measure, by, "{shape}: {excess}"),
        other => panic!("{shape} was not stopped: {other:?}, {:?}", amounts(&bytes)),
    }
}

#[test]
fn functions_that_take_too_long_are_stopped() {
    let ifs = each(10_000, |at| {
        let [from, to, other] = [3, 7, 13].map(|step| at * step % 1000);
        format!("local.get {from} if local.get {from} local.set {to} else i32.const {at} local.set {other} end ")
    });
    // 21 s and 536 MB, of 231 kB.
    stopped(Measure::Branches, "branches over many locals", &function(1000, &ifs));
    let guarded = |count: usize, body: &str| format!("local.get 0 if {body} end ").repeat(count);
    stopped(Measure::Branches, "many traps", &function(0, &guarded(20_000, "unreachable")));
    stopped(Measure::Branches, "many returns", &function(0, &guarded(20_000, "return")));
    let nested = "local.get 0 if ".repeat(20_000) + &"end ".repeat(20_000);
    stopped(Measure::Branches, "deeply nested branches", &function(0, &nested));
    stopped(Measure::Branches, "calls through a table", &function(0, &"local.get 0 call_indirect ".repeat(20_000)));
    let targets = each(500, |at| format!("{at} "));
    let tables = format!("block local.get 0 br_table {targets} end ").repeat(300);
    let tables = "block ".repeat(500) + &tables + &"end ".repeat(500);
    stopped(Measure::Branches, "tables of branches", &function(0, &tables));

    // 23 s and 882 MB, of 13 kB.
    let loops = "loop ".repeat(500) + &"local.get 0 br_if 0 end ".repeat(500);
    stopped(Measure::Flow, "loops in loops", &function(1000, &loops));
    let stack = "local.get 0 ".repeat(2000) + &guarded(1000, "local.get 0 drop") + &"drop ".repeat(2000);
    stopped(Measure::Flow, "branches over a high stack", &function(0, &stack));

    stopped(Measure::Instructions, "calls in a row", &function(0, &"i32.const 0 call $f ".repeat(300_000)));
    stopped(
        Measure::Instructions,
        "loads in a row",
        &function(0, &("local.get 0 ".to_owned() + &"i32.load ".repeat(300_000) + "drop")),
    );
    let wide = "i32 ".repeat(1000);
    let given = each(1000, |at| format!("local.get {at} "));
    for (shape, step) in [("wide calls", "call $f "), ("wide blocks", "block (type $t) end ")] {
        let body =
            format!("(type $t (func (param {wide}) (result {wide}))) (func $f (type $t) {given} {})", step.repeat(480));
        stopped(Measure::Instructions, shape, &module(&body));
    }
}

#[test]
fn many_functions_that_are_just_acceptable_are_too_many() {
    let loops = "loop ".repeat(30) + &"local.get 0 br_if 0 end ".repeat(30);
    let body = format!("(func (param i32) (local {}) {loops})", "i32 ".repeat(1000));
    assert!(check(&wat::parse_str(module(&body)).unwrap()).is_ok());
    stopped(Measure::Code, "many loops in loops", &module(&body.repeat(300)));
    stopped(Measure::Code, "very many empty functions", &module(&"(func)".repeat(260_000)));
}

#[test]
fn declarations_that_stand_for_very_many_things_are_stopped() {
    // 2.7 GB, of 4 kB: the engine keeps an entry for each element below the last one that is set.
    let table = "(table 1000000 funcref) (elem (table 0) (i32.const 999999) func 0) (func)";
    stopped(Measure::Tables, "large tables", &format!("(component {})", format!("(core module {table})").repeat(20)));
    stopped(Measure::Segments, "many segments", &module(&format!("(func) {}", "(elem func 0)".repeat(90_000))));
    stopped(
        Measure::Declarations,
        "many imports",
        &module(&each(300_000, |at| format!(r#"(import "" "{at}" (func))"#))),
    );

    let mut doubling = "(component (component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for at in 1..18 {
        let twice = "(instance (instantiate $x))".repeat(2);
        write!(doubling, "(component $c{at} (alias outer 1 $c{} (component $x)) {twice})", at - 1).unwrap();
    }
    stopped(Measure::Instances, "instances of instances", &(doubling + "(instance (instantiate $c17)))"));
    let given = r#"(component (component $c (import "x" (component $x)) (instance (instantiate $x)))
        (component $y) (instance (instantiate $c (with "x" (component $y)))))"#;
    stopped(Measure::Instances, "components that are given components", given);

    let mut types = "(component (type $t0 string)".to_owned();
    for at in 1..17 {
        write!(types, "(type $t{at} (tuple $t{} $t{}))", at - 1, at - 1).unwrap();
    }
    let functions = each(20, |at| format!(r#"(import "f{at}" (func (param "x" $t16)))"#));
    stopped(Measure::Types, "types of types", &(types + &functions + ")"));
}

/// The bounds are for attackers: whatever the tools make of honest source is far below them.
#[test]
fn every_component_of_the_repository_has_room_to_grow() {
    let mut seen = 0;
    for folder in ["policies/dist", "policies/compatibility"] {
        for entry in Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(folder).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let bytes = match path.extension().and_then(|extension| extension.to_str()) {
                Some("wasm") => std::fs::read(&path).unwrap(),
                Some("zst") => zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap(),
                _ => continue,
            };
            for (measure, amount) in amounts(&bytes) {
                let most = measure.limit() / 3 * 2;
                assert!(
                    amount <= most,
                    "{}: {amount} of {measure:?}, and its limit is {}",
                    path.display(),
                    measure.limit()
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} components");
}

#[test]
fn an_excess_says_where_it_is_and_what_to_do() {
    let nested = "local.get 0 if ".repeat(20_000) + &"end ".repeat(20_000);
    let text = module(&format!(r#"(import "" "" (func)) (func) (func (param i32) {nested})"#));
    let failure = check(&wat::parse_str(text).unwrap()).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "would take too much to compile: function 2 has 40000 branches, and at most 20000 are accepted; split it up"
    );
    assert_eq!(failure.as_str(), "too-complex");
}
