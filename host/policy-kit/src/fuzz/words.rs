//! Words that a policy is likely to know: those that it declares, and the literals of its component.

use std::collections::{BTreeMap, BTreeSet};

use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;
use pvmigrate_policy::{Policy, PolicyInfo};
use serde_json::Value;

use super::Options;
use super::literals::{Key, Literals};

/// Values that switch something on or off.
const SWITCHES: [&str; 6] = ["true", "false", "yes", "no", "1", ""];

/// What is known of a policy's vocabulary.
pub(super) struct Words {
    /// What it says of itself: in its settings, their defaults and meanings, and in its codes.
    pub(super) declared: Vec<String>,
    literals: Literals,
}

impl Words {
    pub(super) fn of(policy: &Policy, options: &Options) -> Self {
        let info = policy.info();
        let landmarks = info.codes.iter().map(|code| code.code.as_str());
        let kinds = info.needs.iter().map(|need| need.kind.kind.as_str());
        let landmarks = landmarks.chain(kinds).chain([info.name.as_str()]).collect();
        // Without the bytes there are the declared words still: a file may be gone by now.
        let literals = policy.bytes().map(|bytes| Literals::of(&bytes, &landmarks)).unwrap_or_default();
        Self { declared: declared(info, options), literals }
    }

    /// Makes up one of these or of the policy's own words, as far as they fit.
    pub(super) fn one_of(&self, fixed: &[&str], fits: impl Fn(&str) -> bool) -> BoxedStrategy<String> {
        let fixed = fixed.iter().map(|word| (*word).to_owned());
        let usual: Vec<String> = fixed.chain(self.declared.iter().filter(|word| fits(word)).cloned()).collect();
        match self.literal(fits) {
            Some(literal) => prop_oneof![3 => select(usual), 1 => literal].boxed(),
            None => select(usual).boxed(),
        }
    }

    /// Makes up a literal that fits.
    pub(super) fn literal(&self, fits: impl Fn(&str) -> bool) -> Option<BoxedStrategy<String>> {
        let words: Vec<String> = self.literals.words.iter().filter(|word| fits(word)).cloned().collect();
        (!words.is_empty()).then(|| select(words).boxed())
    }

    /// Makes up sizes.
    pub(super) fn size(&self, fixed: &[&str]) -> BoxedStrategy<Value> {
        let usual = select(fixed.iter().map(|size| Value::from(*size)).collect::<Vec<_>>());
        let sizes: Vec<Value> = self.literals.sizes.iter().map(|size| Value::from(size.as_str())).collect();
        match sizes.is_empty() {
            true => usual.boxed(),
            false => prop_oneof![2 => usual, 1 => select(sizes)].boxed(),
        }
    }

    /// Makes up many pairs at once: keys that are literals, each with a value that stands near it. One key and one value at
    /// a time would meet a certain pair of them in one of thousands of questions.
    pub(super) fn pairs(&self) -> Option<BoxedStrategy<BTreeMap<String, String>>> {
        let pair = |of: &Key| {
            let key = of.key.clone();
            let switch = select(SWITCHES.map(str::to_owned).to_vec());
            let value = match of.values.is_empty() {
                true => switch.boxed(),
                false => prop_oneof![1 => switch, 2 => select(of.values.clone())].boxed(),
            };
            option::weighted(0.5, value).prop_map(move |value| Some((key.clone(), value?)))
        };
        let pairs: Vec<_> = self.literals.keys.iter().map(pair).collect();
        (!pairs.is_empty()).then(|| pairs.prop_map(|pairs| pairs.into_iter().flatten().collect()).boxed())
    }

    /// Makes up the name of a class: nearly always the usual one.
    pub(super) fn class(&self, usual: &'static str) -> BoxedStrategy<String> {
        match self.literal(is_name) {
            Some(literal) => prop_oneof![7 => Just(usual.to_owned()), 1 => literal].boxed(),
            None => Just(usual.to_owned()).boxed(),
        }
    }
}

/// Returns whether it may be a namespace or the name of an object.
pub(super) fn is_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    word.len() <= 63 && word.chars().all(plain) && !word.starts_with('-') && !word.ends_with('-')
}

fn declared(info: &PolicyInfo, options: &Options) -> Vec<String> {
    let mut found = BTreeSet::new();
    let texts = [info.settings_schema.as_ref(), options.settings.as_ref()];
    for value in texts.into_iter().flatten() {
        collect(value, &mut found);
    }
    let codes = info.codes.iter().map(|code| &code.summary);
    for text in codes.chain(info.needs.iter().map(|need| &need.purpose)).chain([&info.summary]) {
        found.extend(text.split_whitespace().filter(|word| word.contains('/')).map(trimmed));
    }
    found.into_iter().filter(|word| !word.is_empty() && word.len() <= 253).collect()
}

fn trimmed(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(text.split_whitespace().map(trimmed)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
