//! Literals of components: one of ours, and one that is written here.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

fn of(component: &[u8]) -> Literals {
    Literals::of(component, &["too-late"].into())
}

fn values<'a>(literals: &'a Literals, key: &str) -> Vec<&'a str> {
    let found = literals.keys.iter().find(|found| found.key == key);
    found.map(|found| found.values.iter().map(String::as_str).collect()).unwrap_or_default()
}

/// The text of the value is nowhere in the component: it is compared two bytes and one byte at a time.
#[test]
fn what_a_compiler_made_of_a_literal_is_read_back() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/dist/hostile.wasm");
    let literals = of(&std::fs::read(file).unwrap());
    assert!(values(&literals, "acme.io/poison").contains(&"yes"), "{literals:?}");
}

/// As interpreters have it: texts between zeros, and code that says nothing about them.
#[test]
fn texts_between_other_bytes_are_read_with_those_beside_them() {
    let text = r#"(component (core module (memory 1)
        (data (i32.const 16) "not\00acme.io/pool=fast\00too-late\00nightly\00https://example.com/page\00a b")
        (func (drop (i64.const 536870912000)) (drop (i64.const 123456789)))))"#;
    let literals = of(&wat::parse_str(text).unwrap());
    assert_eq!(literals.keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>(), ["acme.io/pool"]);
    assert_eq!(values(&literals, "acme.io/pool"), ["not", "fast", "too-late", "nightly"]);
    assert!(literals.words.iter().any(|word| word == "nightly"), "it stands beside a code: {literals:?}");
    assert_eq!(literals.sizes, ["536870911999", "536870912000", "536870912001"], "round numbers only");
}

#[test]
fn however_many_there_are_no_more_are_used() {
    let many = |text: fn(usize) -> String| (0..10_000).map(text).collect::<String>();
    let data = many(|at| format!("key.example.com/k{at}\\00value{at}\\00"));
    let numbers = many(|at| format!("(drop (i64.const {}))", (at + 1) * 1_000_000));
    let text = format!("(component (core module (memory 9) (data (i32.const 0) \"{data}\") (func {numbers})))");
    let literals = of(&wat::parse_str(&text).unwrap());
    assert_eq!((literals.keys.len(), literals.words.len(), literals.sizes.len()), (MOST_KEYS, MOST_WORDS, MOST_SIZES));
    assert!(literals.keys.iter().all(|key| key.values.len() <= 4 * NEAR));
}
