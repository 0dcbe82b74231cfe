//! Small helpers for pairs and reasons.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::types::Reason;

/// Finds the value of a key. The host sorts pairs by key, so this takes a handful of comparisons.
pub fn get<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let at = pairs.binary_search_by(|(other, _)| other.as_str().cmp(key));
    at.ok().map(|at| pairs[at].1.as_str())
}

/// Tells whether a fact is there and on.
pub fn is_on(facts: &[(String, String)], key: &str) -> bool {
    get(facts, key) == Some("true")
}

/// Makes owned pairs, sorted by key.
pub fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    pairs.sort_unstable();
    pairs
}

/// Makes a reason without details.
pub fn reason(code: &str, message: impl Into<String>) -> Reason {
    Reason { code: code.to_string(), message: message.into(), details: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_finds_what_is_there() {
        let pairs = pairs(&[("b", "2"), ("a", "1"), ("c", "true")]);
        assert_eq!(get(&pairs, "a"), Some("1"));
        assert_eq!(get(&pairs, "b"), Some("2"));
        assert_eq!(get(&pairs, "d"), None);
        assert!(is_on(&pairs, "c") && !is_on(&pairs, "a"));
    }
}
