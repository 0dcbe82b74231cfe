//! Mappings in which every key is known.

use super::{At, Entry, Kind, Node, Tree, Wrong};

impl Tree {
    /// Takes a mapping apart in which only these keys may stand.
    ///
    /// # Errors
    /// When it is no mapping (nothing at all counts as an empty one), or a key is unknown: with the nearest known one.
    pub fn fields<'a>(&'a self, node: &'a Node, what: &'a str, known: &[&str]) -> Result<Fields<'a>, Wrong> {
        let entries = match &node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            other => return Err(self.wrong(node.at, format!("{what} is a mapping, and this is {}", other.word()))),
        };
        if let Some(entry) = entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            let meant = did_you_mean(&entry.key, known.iter().copied());
            let what = format!("{what} has no key {:?}{meant} (known: {})", entry.key, known.join(", "));
            return Err(self.wrong(entry.at, what));
        }
        Ok(Fields { tree: self, what, at: node.at, entries })
    }
}

/// A mapping in which every key is known.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    tree: &'a Tree,
    what: &'a str,
    at: At,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Returns a value; a key without one counts as left out.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.value).filter(|node| node.kind != Kind::Null)
    }

    /// Returns a value that must be there.
    ///
    /// # Errors
    /// When it is left out.
    pub fn need(&self, key: &str) -> Result<&'a Node, Wrong> {
        self.get(key).ok_or_else(|| self.tree.wrong(self.at, format!("{} has no {key}", self.what)))
    }

    /// Returns text.
    ///
    /// # Errors
    /// When it is something else, or empty.
    pub fn text(&self, key: &str) -> Result<Option<(&'a str, At)>, Wrong> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => self.text_of(key, node).map(Some),
        }
    }

    /// Returns text that must be there.
    ///
    /// # Errors
    /// When it is left out, is something else, or empty.
    pub fn need_text(&self, key: &str) -> Result<(&'a str, At), Wrong> {
        self.text_of(key, self.need(key)?)
    }

    fn text_of(&self, key: &str, node: &'a Node) -> Result<(&'a str, At), Wrong> {
        match &node.kind {
            Kind::Text(text) if text.trim().is_empty() => Err(self.tree.wrong(node.at, format!("{key} is empty"))),
            Kind::Text(text) => Ok((text, node.at)),
            other => Err(self.tree.wrong(node.at, format!("{key} is text, and this is {}", other.word()))),
        }
    }

    /// Returns the items of a list; one that is left out has none.
    ///
    /// # Errors
    /// When it is something else.
    pub fn list(&self, key: &str) -> Result<&'a [Node], Wrong> {
        match self.get(key).map(|node| (&node.kind, node.at)) {
            None => Ok(&[]),
            Some((Kind::List(items), _)) => Ok(items),
            Some((other, at)) => Err(self.tree.wrong(at, format!("{key} is a list, and this is {}", other.word()))),
        }
    }
}

/// Adds ", did you mean X?" when a known name is near.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = |name: &&str| strsim::damerau_levenshtein(wrong, name) <= 2.max(wrong.len() / 4);
    let nearest = known.into_iter().filter(near).min_by_key(|name| strsim::damerau_levenshtein(wrong, name));
    nearest.map_or(String::new(), |name| format!(", did you mean {name}?"))
}
