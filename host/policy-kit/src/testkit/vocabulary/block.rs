//! Writing mappings and lists, as goldens have them.

use pvmigrate_yaml::scalar;

/// Adds `key:` and a line for each entry; the values are YAML already.
pub(crate) fn mapping<'a>(
    text: &mut String,
    indent: usize,
    key: &str,
    entries: impl Iterator<Item = (&'a String, String)>,
) {
    let entries: Vec<_> = entries.map(|(name, value)| format!("{:indent$}  {}: {value}\n", "", scalar(name))).collect();
    let empty = if entries.is_empty() { " {}" } else { "" };
    text.push_str(&format!("{:indent$}{key}:{empty}\n{}", "", entries.concat()));
}

/// Adds `key:` and a line for each item.
pub(crate) fn list(text: &mut String, indent: usize, key: &str, items: impl Iterator<Item = String>) {
    let items: Vec<_> = items.map(|item| format!("{:indent$}- {}\n", "", scalar(&item))).collect();
    let empty = if items.is_empty() { " []" } else { "" };
    text.push_str(&format!("{:indent$}{key}:{empty}\n{}", "", items.concat()));
}
