//! Reading values that are written as one word.

use std::fmt::Display;
use std::str::FromStr;

use pvmigrate_core::policy::quantity::parse_bytes;
use pvmigrate_yaml::{Node, Wrong, Yaml};

pub(crate) fn word<T: FromStr<Err: Display>>(node: &Node, text: &str) -> Result<T, Wrong> {
    text.parse().map_err(|error: T::Err| Wrong::new(&node.at, error.to_string()))
}

/// Reads an amount of bytes. Kubernetes knows thousandths of a byte as well, and nobody means those.
pub(crate) fn bytes(node: &Node, what: &str) -> Result<u64, Wrong> {
    let text = node.quantity(what)?;
    if let Some(number) = text.strip_suffix('m') {
        return Err(Wrong::new(&node.at, format!("{text} are thousandths of a byte, did you mean {number}M?")));
    }
    parse_bytes(&text).map_err(|error| Wrong::new(&node.at, error.to_string()))
}

/// Reads one word, or a list of words.
pub(crate) fn words<T: FromStr<Err: Display>>(node: &Node) -> Result<Vec<T>, Wrong> {
    match &node.is {
        Yaml::Text(text) => Ok(vec![word(node, text)?]),
        _ => node.list("modes")?.iter().map(|item| word(item, item.text("a mode")?)).collect(),
    }
}
