//! Values and keys that know where they stand in their file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::{Mistake, Place};

/// A place within one file: line and column from 1, and the bytes that the value takes up there.
///
/// A mapping or list has no end of its own; see [`Node::bytes`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// The bytes.
    pub bytes: Range<usize>,
}

impl At {
    fn of(location: Location) -> Self {
        let span = location.span();
        let position = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
        let start = position(span.byte_offset());
        let end = start + position(span.byte_len());
        Self { line: location.line(), column: location.column(), bytes: start..end }
    }

    /// Returns the place in a file.
    pub fn place(&self, file: &Path) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub at: At,
    /// What it is.
    pub is: Yaml,
}

/// A key of a mapping with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub at: At,
    /// The key.
    pub name: String,
}

/// The content of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file; no key stands in it twice.
    Map(Vec<(Key, Node)>),
}

/// A value without a file.
impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        let is = match value {
            Value::Null => Yaml::Null,
            Value::Bool(value) => Yaml::Bool(*value),
            Value::Number(value) => Yaml::Number(value.clone()),
            Value::String(text) => Yaml::Text(text.clone()),
            Value::Array(items) => Yaml::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let key = |name: &String| Key { at: At::default(), name: name.clone() };
                Yaml::Map(entries.iter().map(|(name, value)| (key(name), Self::from(value))).collect())
            }
        };
        Self { at: At::default(), is }
    }
}

impl Node {
    /// Reads the one document of a text; see [`super::read`].
    ///
    /// # Errors
    /// When it is not YAML that JSON can express.
    pub fn read(text: &str, path: &Path) -> Result<Self, Mistake> {
        super::read(text, path)
    }

    /// Returns whether this is exactly the word.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.is, Yaml::Text(text) if text == word)
    }

    /// Returns the entry of a mapping.
    pub fn entry(&self, name: &str) -> Option<&(Key, Self)> {
        match &self.is {
            Yaml::Map(entries) => entries.iter().find(|(key, _)| key.name == name),
            _ => None,
        }
    }

    /// Finds where a JSON Pointer (RFC 6901) leads: the place of a key or item.
    pub fn find(&self, pointer: &str) -> Option<&At> {
        let (at, left) = self.follow(pointer);
        (left == 0).then_some(at)
    }

    /// Finds the last place on the way of a JSON Pointer that exists.
    pub fn nearest(&self, pointer: &str) -> &At {
        self.follow(pointer).0
    }

    /// Returns the last place on the way, and how many parts are left there.
    fn follow(&self, pointer: &str) -> (&At, usize) {
        let (mut node, mut at) = (self, &self.at);
        let parts: Vec<_> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        for (done, part) in parts.iter().enumerate() {
            let next = match &node.is {
                Yaml::Map(entries) => {
                    entries.iter().find(|(key, _)| key.name == *part).map(|(key, value)| (&key.at, value))
                }
                Yaml::List(items) => {
                    part.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (&item.at, item))
                }
                _ => None,
            };
            let Some((place, value)) = next else { return (at, parts.len() - done) };
            (node, at) = (value, place);
        }
        (at, 0)
    }

    /// Returns the value without its place.
    pub fn json(&self) -> Value {
        match &self.is {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Number(value) => Value::Number(value.clone()),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::List(items) => items.iter().map(Self::json).collect(),
            Yaml::Map(entries) => entries.iter().map(|(key, value)| (key.name.clone(), value.json())).collect(),
        }
    }

    /// Returns the bytes from the first to the last character. Of a block that is up to the end of its last scalar; of
    /// `[...]` and `{...}`, up to the closing bracket.
    pub fn bytes(&self, text: &str) -> Range<usize> {
        let last = match &self.is {
            Yaml::List(items) => items.last().map(|item| item.bytes(text).end),
            Yaml::Map(entries) => entries.last().map(|(_, value)| value.bytes(text).end),
            _ => return self.at.bytes.clone(),
        };
        let end = last.unwrap_or(self.at.bytes.end).max(self.at.bytes.end);
        if !self.is_flow(text) {
            return self.at.bytes.start..end;
        }
        // Between the last item and the bracket there can only be commas, spaces, line ends and comments.
        let closing = if text[self.at.bytes.start..].starts_with('[') { ']' } else { '}' };
        let mut in_comment = false;
        for (at, c) in text[end..].char_indices() {
            match c {
                '#' => in_comment = true,
                '\n' => in_comment = false,
                c if c == closing && !in_comment => return self.at.bytes.start..end + at + 1,
                _ => {}
            }
        }
        self.at.bytes.start..end
    }

    /// Returns whether a mapping or list is written in brackets.
    pub fn is_flow(&self, text: &str) -> bool {
        matches!(&self.is, Yaml::List(_) | Yaml::Map(_))
            && text.get(self.at.bytes.clone()).is_some_and(|start| start.starts_with(['[', '{']))
    }
}

/// Writes a value on one line, as it could stand in a YAML file.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.is {
            Yaml::Null => f.write_str("null"),
            Yaml::Bool(value) => value.fmt(f),
            Yaml::Number(value) => value.fmt(f),
            Yaml::Text(text) => f.write_str(text),
            Yaml::List(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Yaml::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{}: {value}", key.name)).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Yaml>::deserialize(deserializer)?;
        Ok(Self { at: At::of(spanned.referenced), is: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Yaml, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Yaml::Number).ok_or_else(|| E::custom(format!("{value} cannot be written as a JSON number")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Yaml, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Yaml::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push((Key { at: At::of(key.referenced), name: key.value }, value));
        }
        Ok(Yaml::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

    use super::*;

    const TEXT: &str =
        "# é\na: [x, \"y\", 'z' ]  # ]\nb:\n- blocker é on x\n- two\nc: {d: {e: true, # }\n  f: 1}}\ng: {}\n";

    fn read() -> Node {
        Node::read(TEXT, Path::new("x.yaml")).unwrap()
    }

    #[test]
    fn places_count_lines_characters_and_bytes() {
        let node = read();
        let (key, value) = node.entry("b").unwrap();
        assert_eq!((key.at.line, key.at.column, &TEXT[key.at.bytes.clone()]), (3, 1, "b"));
        let Yaml::List(items) = &value.is else { panic!("{value:?}") };
        assert_eq!((items[1].at.line, items[1].at.column, &TEXT[items[1].at.bytes.clone()]), (5, 3, "two"));
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        let node = read();
        let whole = |name: &str| &TEXT[node.entry(name).unwrap().1.bytes(TEXT)];
        assert_eq!(whole("a"), "[x, \"y\", 'z' ]");
        assert_eq!(whole("b"), "blocker é on x\n- two");
        assert_eq!(whole("c"), "{d: {e: true, # }\n  f: 1}}");
        assert_eq!(whole("g"), "{}");
    }

    #[test]
    fn a_pointer_leads_to_the_nearest_place() {
        let node = read();
        let column = |pointer: &str| (node.nearest(pointer).line, node.nearest(pointer).column);
        assert_eq!(column("/c/d/f"), (7, 3));
        assert_eq!(column("/c/d/none"), (6, 5));
        assert_eq!(column("/b/1"), (5, 3));
        assert_eq!(column(""), (2, 1));
    }
}
