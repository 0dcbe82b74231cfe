//! The literals of a component: what a policy compares with is in its data, or in its code.
//!
//! They are bounded guesses: one that is not a literal of the policy wastes a few runs, and does no other harm.

mod code;

use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, DataKind, Operator, Parser, Payload};

use code::Code;

/// Maximum number of keys and words that are used.
const MOST_KEYS: usize = 24;
const MOST_WORDS: usize = 96;
const MOST_SIZES: usize = 72;
/// How many words on each side of a key may be values of it.
const NEAR: usize = 12;
/// More code than this is an interpreter's, and says nothing about the policy.
const MOST_CODE: usize = 4 << 20;
/// Maximum amount of texts that is looked at: the memory of an interpreter is full of words.
const MOST_TEXTS: usize = 1 << 20;
/// Maximum number of pieces of memory that addresses are looked up in.
const MOST_SEGMENTS: usize = 256;
/// Two bytes between others are letters by chance.
const SHORTEST_RUN: usize = 3;
/// Maximum length of a key: the prefix, a slash, and the name.
const LONGEST: usize = 253 + 1 + 63;

/// A literal that looks like the key of a label, such as `example.com/keep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) key: String,
    /// Words that stand near it: values that it may be compared with.
    pub(super) values: Vec<String>,
}

/// What was found in a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Literals {
    pub(super) keys: Vec<Key>,
    /// Words that may be names or values.
    pub(super) words: Vec<String>,
    /// Sizes in bytes, with those next to them.
    pub(super) sizes: Vec<String>,
}

impl Literals {
    /// Reads a component; words near one of `landmarks`, texts that the policy is known to have, come first.
    pub(super) fn of(component: &[u8], landmarks: &BTreeSet<&str>) -> Self {
        let mut found = Found::default();
        // Whoever hands it over has compiled it before: there is nothing that cannot be read.
        let _ = found.read(component);
        found.literals(landmarks)
    }
}

/// Texts in the order in which they stand.
#[derive(Default)]
struct Found {
    of_code: Vec<String>,
    of_data: Vec<String>,
    sizes: Vec<u64>,
}

/// A piece of memory, and where it begins.
struct Segment<'a> {
    from: usize,
    bytes: &'a [u8],
}

impl Found {
    fn read(&mut self, component: &[u8]) -> Result<(), BinaryReaderError> {
        let (mut code, mut segments) = (Code::default(), Vec::new());
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::CodeSectionEntry(body) if code.bytes <= MOST_CODE => code.read(&body)?,
                Payload::DataSection(reader) => {
                    for data in reader {
                        let data = data?;
                        let from = match data.kind {
                            DataKind::Active { offset_expr, .. } => match offset_expr.get_operators_reader().read()? {
                                Operator::I32Const { value } => usize::try_from(value).unwrap_or(usize::MAX),
                                _ => usize::MAX,
                            },
                            DataKind::Passive => usize::MAX,
                        };
                        segments.push(Segment { from, bytes: data.data });
                    }
                }
                Payload::End(_) => {
                    self.module(&code, &segments);
                    (code, segments) = (Code::default(), Vec::new());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn module(&mut self, code: &Code, segments: &[Segment<'_>]) {
        if code.bytes <= MOST_CODE {
            let text = |from, length| memory(segments, from, length).and_then(plain).map(str::to_owned);
            self.of_code.extend(code.texts(&text));
            self.sizes.extend(code.sizes.iter().copied());
        }
        for segment in segments {
            self.of_data.extend(tables(segments, segment.bytes));
            self.of_data.extend(runs(segment.bytes));
        }
    }

    fn literals(self, landmarks: &BTreeSet<&str>) -> Literals {
        let mut keys = Vec::<Key>::new();
        // What code points at is cut exactly, so it comes first. In data, texts may stand side by side without a gap.
        for texts in [&self.of_code, &self.of_data] {
            let exact: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
            let words: Vec<_> = texts.iter().flat_map(|text| words(text)).collect();
            let new = |word: &&str| is_key(word) && !exact.iter().any(|key| word.contains(key.as_str()));
            for (at, word) in words.iter().enumerate().filter(|(_, word)| new(word)) {
                let known = keys.iter().position(|key| key.key == *word);
                if known.is_none() && keys.len() == MOST_KEYS {
                    continue;
                }
                let known = known.unwrap_or_else(|| {
                    keys.push(Key { key: (*word).to_owned(), values: Vec::new() });
                    keys.len() - 1
                });
                around(&words, at).for_each(|value| add(&mut keys[known].values, value, 4 * NEAR));
            }
        }
        Literals { keys, words: self.words(landmarks), sizes: sizes(&self.sizes) }
    }

    fn words(&self, landmarks: &BTreeSet<&str>) -> Vec<String> {
        let mut found = Vec::new();
        for texts in [&self.of_code, &self.of_data] {
            let words: Vec<_> = texts.iter().flat_map(|text| words(text)).collect();
            let marks = words.iter().enumerate().filter(|(_, word)| landmarks.contains(*word) || is_key(word));
            marks.for_each(|(at, _)| around(&words, at).for_each(|word| add(&mut found, word, MOST_WORDS)));
        }
        found
    }
}

fn around<'a>(words: &'a [&str], at: usize) -> impl Iterator<Item = &'a str> {
    words[at.saturating_sub(NEAR)..words.len().min(at + 1 + NEAR)].iter().copied().filter(|word| is_word(word))
}

fn add(words: &mut Vec<String>, word: &str, most: usize) {
    if words.len() < most && !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

/// Returns what lies in memory before the program begins.
fn memory<'a>(segments: &[Segment<'a>], from: usize, length: usize) -> Option<&'a [u8]> {
    let within = |segment: &Segment<'a>| {
        let at = from.checked_sub(segment.from)?;
        segment.bytes.get(at..at.checked_add(length)?)
    };
    segments.iter().take(MOST_SEGMENTS).find_map(within)
}

/// Returns a text that might be meant for people or for comparing; `None` for anything else.
fn plain(bytes: &[u8]) -> Option<&str> {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')).then(|| std::str::from_utf8(bytes).ok())?
}

/// Finds tables of texts: pairs of an address and a length.
fn tables(segments: &[Segment<'_>], bytes: &[u8]) -> Vec<String> {
    let words: Vec<usize> = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
    let pair = |pair: &[usize]| {
        let [from, length] = pair.first_chunk().copied()?;
        (2..=LONGEST).contains(&length).then(|| memory(segments, from, length).and_then(plain))?.map(str::to_owned)
    };
    words.windows(2).take(MOST_TEXTS).filter_map(pair).collect()
}

/// Finds what lies between bytes that are no text.
fn runs(bytes: &[u8]) -> Vec<String> {
    let mut left = MOST_TEXTS;
    bytes
        .split(|byte| !matches!(byte, b' '..=b'~'))
        .filter(|run| (SHORTEST_RUN..=LONGEST).contains(&run.len()))
        .take_while(|run| {
            left = left.saturating_sub(run.len());
            left > 0
        })
        .filter_map(plain)
        .map(str::to_owned)
        .collect()
}

/// Takes a text apart into words, such as both sides of `key=value`. Of what is said to people, only keys count; addresses
/// of pages look like keys, and are none.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let said = text.contains(' ');
    text.split(' ')
        .filter(|part| !part.contains("://"))
        .flat_map(|part| part.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))))
        .map(|part| part.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .filter(move |part| is_key(part) || (!said && !part.is_empty()))
}

/// Returns whether it is the key of a label with a prefix.
fn is_key(word: &str) -> bool {
    let Some((prefix, name)) = word.split_once('/') else { return false };
    let domain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let ends = prefix.rsplit('.').next().is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic));
    prefix.contains('.') && prefix.len() <= 253 && prefix.chars().all(domain) && ends && is_word(name)
}

/// Returns whether it may be a name or the value of a label.
fn is_word(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (2..=63).contains(&word.len()) && word.chars().all(fits) && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Returns sizes and their neighbours: a threshold is wrong by one, if it is wrong.
fn sizes(found: &[u64]) -> Vec<String> {
    let round =
        |size: &&u64| (1 << 16..=1 << 62).contains(*size) && (size.is_multiple_of(1000) || size.is_multiple_of(1024));
    let all: BTreeSet<u64> = found.iter().filter(round).copied().collect();
    let around = |size: u64| [size - 1, size, size + 1].map(|size| size.to_string());
    all.into_iter().take(MOST_SIZES / 3).flat_map(around).collect()
}

#[cfg(test)]
#[path = "literals/tests.rs"]
mod tests;
