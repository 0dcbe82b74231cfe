//! Reading mappings, lists and words strictly: every key is known, and every value of its kind.

use super::{At, Key, Node, Wrong, Yaml, did_you_mean};

/// A kind of mapping and all of its keys. The tests compare the JSON Schema with these.
#[derive(Debug)]
pub struct Shape {
    /// Its name with an article, for messages.
    pub name: &'static str,
    /// All of its keys.
    pub keys: &'static [&'static str],
}

/// A mapping whose keys are all known.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    shape: &'static Shape,
}

impl<'a> Fields<'a> {
    /// Takes a mapping apart.
    ///
    /// # Errors
    /// When it is not a mapping, or has an unknown key: with the nearest known one.
    pub fn of(node: &'a Node, shape: &'static Shape) -> Result<Self, Wrong> {
        for (key, _) in node.map(shape.name)? {
            if !shape.keys.contains(&key.name.as_str()) {
                let near = did_you_mean(&key.name, shape.keys.iter().copied());
                let end = if near.is_empty() { format!("; it has {}", shape.keys.join(", ")) } else { near };
                return Err(Wrong::new(&key.at, format!("{} has no key {}{end}", shape.name, key.name)));
            }
        }
        Ok(Self { node, shape })
    }

    /// Returns where the mapping stands.
    pub fn at(&self) -> &'a At {
        &self.node.at
    }

    /// Returns a value; one that is null counts as left out.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.change(key).flatten()
    }

    /// Returns a value where null means something: `None` when left out, `Some(None)` when null.
    pub fn change(&self, key: &str) -> Option<Option<&'a Node>> {
        debug_assert!(self.shape.keys.contains(&key), "{} is read as {key}", self.shape.name);
        self.node.entry(key).map(|(_, value)| (value.is != Yaml::Null).then_some(value))
    }

    /// Returns a value that must be there.
    ///
    /// # Errors
    /// When it is left out.
    pub fn need(&self, key: &str) -> Result<&'a Node, Wrong> {
        self.get(key).ok_or_else(|| Wrong::new(self.at(), format!("{} needs the key {key}", self.shape.name)))
    }

    /// Returns a text that may be left out.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, Wrong> {
        self.get(key).map(|node| node.text(key)).transpose()
    }
}

impl Node {
    /// Reads a text. YAML reads some words as numbers or booleans, so the message says how to keep them text.
    ///
    /// # Errors
    /// When it is not a text.
    pub fn text(&self, what: &str) -> Result<&str, Wrong> {
        match &self.is {
            Yaml::Text(text) => Ok(text),
            Yaml::Bool(_) | Yaml::Number(_) => {
                Err(Wrong::new(&self.at, format!("{what} is a text; write \"{self}\" in quotes")))
            }
            other => Err(Wrong::new(&self.at, format!("{what} is a text, and this is {}", other.kind()))),
        }
    }

    /// Reads a text that may look like a number, such as a quantity.
    ///
    /// # Errors
    /// When it is neither.
    pub fn quantity(&self, what: &str) -> Result<String, Wrong> {
        match &self.is {
            Yaml::Number(number) => Ok(number.to_string()),
            _ => self.text(what).map(str::to_owned),
        }
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, what: &str) -> Result<bool, Wrong> {
        match &self.is {
            Yaml::Bool(value) => Ok(*value),
            other => Err(Wrong::new(&self.at, format!("{what} is true or false, and this is {}", other.kind()))),
        }
    }

    /// Reads the items of a list.
    ///
    /// # Errors
    /// When it is not a list.
    pub fn list(&self, what: &str) -> Result<&[Self], Wrong> {
        match &self.is {
            Yaml::List(items) => Ok(items),
            other => Err(Wrong::new(&self.at, format!("{what} is a list, and this is {}", other.kind()))),
        }
    }

    /// Reads the entries of a mapping.
    ///
    /// # Errors
    /// When it is not a mapping.
    pub fn map(&self, what: &str) -> Result<&[(Key, Self)], Wrong> {
        match &self.is {
            Yaml::Map(entries) => Ok(entries),
            other => Err(Wrong::new(&self.at, format!("{what} is a mapping, and this is {}", other.kind()))),
        }
    }
}

impl Yaml {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
