//! Answers with one word a volume.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use pvmigrate_yaml::{Key, Node, Wrong, Yaml};

use super::kind::{Kind, Read, Wanted};
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::block;
use crate::testkit::vocabulary::checker::{Checker, Want, unknown_volume};
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::difference::Difference;
use crate::testkit::vocabulary::edit::{Edit, Written};
use crate::testkit::vocabulary::report::Mismatch;

/// What is said about one volume.
pub(crate) trait Word: Clone + Debug + Display + PartialEq + Send + Sync + 'static {
    /// The key of the answers.
    const KEY: &'static str;
    /// The name of one of them, for messages.
    const WHAT: &'static str;
    /// The word that fits anything.
    const ANY: Self;

    /// Reads what a case expects.
    fn read(checker: &Checker<'_>, node: &Node) -> Result<Self, Wrong>;

    /// Returns the actual answers, by volume.
    fn actual(actual: &Actual) -> BTreeMap<String, Self>;

    /// Writes all actual answers, one line each, the volume first.
    fn details(actual: &Actual) -> Vec<String>;

    /// Returns whether an actual answer is what this expects.
    fn fits(&self, got: &Self) -> bool;

    /// Writes it as a YAML value.
    fn value(&self) -> String;

    /// Finds where two of them begin to differ.
    fn difference(expected: &str, got: &str) -> Option<Difference>;

    /// Adds what it checks of a policy.
    fn cover(&self, claim: &str, actual: &Actual, covered: &mut Covered);
}

/// Makes a row of the table.
pub(super) const fn kind<W: Word>() -> Kind {
    Kind { key: W::KEY, of_chain: false, read: read::<W>, write: write::<W>, details: W::details }
}

fn read<W: Word>(checker: &Checker<'_>, node: &Node) -> Read {
    Ok(each_volume::<W>(checker, node)?.map(|words| -> Arc<dyn Wanted> { Arc::new(ByVolume(words)) }))
}

fn write<W: Word>(actual: &Actual, text: &mut String) {
    let words = W::actual(actual);
    block::mapping(text, 0, W::KEY, words.iter().map(|(claim, word)| (claim, word.value())));
}

/// What a case expects about each volume.
#[derive(Debug)]
struct ByVolume<W>(BTreeMap<String, Want<W>>);

impl<W: Word> ByVolume<W> {
    /// Returns the actual answer about each volume for which another is expected.
    fn wrong<'a>(&'a self, actual: &Actual) -> Vec<(String, &'a Want<W>, W)> {
        let got = W::actual(actual).into_iter();
        let pairs = got.filter_map(|(claim, got)| Some((self.0.get(&claim)?, claim, got)));
        pairs.filter(|(want, _, got)| !want.is.fits(got)).map(|(want, claim, got)| (claim, want, got)).collect()
    }
}

impl<W: Word> Wanted for ByVolume<W> {
    fn compare(&self, actual: &Actual) -> Vec<Mismatch> {
        let mismatch = |(claim, want, got): (String, &Want<W>, W)| {
            let (expected, got) = (want.is.to_string(), got.to_string());
            let difference = W::difference(&expected, &got);
            Mismatch { difference, ..Mismatch::new(&format!("{} {claim}", W::KEY), &want.at, expected, got) }
        };
        self.wrong(actual).into_iter().map(mismatch).collect()
    }

    fn edits(&self, written: &Written<'_>, actual: &Actual) -> Vec<Edit> {
        let wrong = self.wrong(actual).into_iter().map(|(claim, _, got)| (claim, got.value())).collect();
        mapping(written, &wrong)
    }

    fn cover(&self, actual: &Actual, covered: &mut Covered) {
        self.0.iter().for_each(|(claim, want)| want.is.cover(claim, actual, covered));
    }

    fn looks_at(&self, claim: &str) -> bool {
        self.0.get(claim).is_some_and(|want| want.is != W::ANY)
    }
}

/// Spreads a mapping over all volumes, and `any` over none. Every volume must be named, or `rest`.
fn each_volume<W: Word>(checker: &Checker<'_>, node: &Node) -> Result<Option<BTreeMap<String, Want<W>>>, Wrong> {
    if node.is_word("any") {
        return Ok(None);
    }
    if let Yaml::Text(text) = &node.is {
        return Err(Wrong::new(&node.at, format!("{text:?} is neither `any` nor a mapping of volumes to {}", W::WHAT)));
    }
    let claims = &checker.names.claims;
    let mut spread = BTreeMap::new();
    let mut rest = None;
    for (key, value) in node.map("select or modes")? {
        let want = Want { at: checker.place(value), is: W::read(checker, value)? };
        if key.name == "rest" {
            rest = Some((key, want));
        } else if claims.contains(&key.name) {
            spread.insert(key.name.clone(), want);
        } else {
            let known = claims.iter().map(String::as_str).chain(["rest"]);
            return Err(Wrong::new(&key.at, unknown_volume(&key.name, known)));
        }
    }
    spread_rest(checker, node, &mut spread, rest)?;
    Ok(Some(spread))
}

fn spread_rest<T: Clone>(
    checker: &Checker<'_>,
    node: &Node,
    spread: &mut BTreeMap<String, Want<T>>,
    rest: Option<(&Key, Want<T>)>,
) -> Result<(), Wrong> {
    let mut left = checker.names.claims.iter().filter(|claim| !spread.contains_key(*claim)).peekable();
    match (left.peek(), rest) {
        (None, None) => Ok(()),
        (None, Some((key, _))) => {
            Err(Wrong::new(&key.at, "every volume is named, so nothing is left for `rest`; remove it"))
        }
        (Some(claim), None) => {
            let what = format!("volume {claim} is not named; name it, or add `rest: any`");
            Err(Wrong::new(&node.at, what))
        }
        (Some(_), Some((_, rest))) => {
            let rest: Vec<_> = left.map(|claim| (claim.clone(), rest.clone())).collect();
            spread.extend(rest);
            Ok(())
        }
    }
}

/// Corrects the entries of a mapping by volume. Where `rest` was wrong, volumes get entries of their own before it, or
/// in its place.
fn mapping(written: &Written<'_>, wrong: &BTreeMap<String, String>) -> Vec<Edit> {
    let Written { text, node, claims, .. } = *written;
    let mut edits = Vec::new();
    let mut by_rest = Vec::new();
    for (claim, value) in wrong {
        match node.entry(claim) {
            Some((_, old)) => edits.push(Edit { bytes: old.bytes(text), text: value.clone() }),
            None => by_rest.push((claim, value)),
        }
    }
    let Some(((key, rest), (_, first))) = node.entry("rest").zip(by_rest.first()) else { return edits };
    let meant = claims.iter().filter(|claim| node.entry(claim).is_none()).count();
    if by_rest.len() == meant && by_rest.iter().all(|(_, value)| value == first) {
        edits.push(Edit { bytes: rest.bytes(text), text: (*first).clone() });
        return edits;
    }
    let entries: Vec<_> = by_rest.iter().map(|(claim, value)| format!("{claim}: {value}")).collect();
    let indent = usize::try_from(key.at.column).unwrap_or(1).saturating_sub(1);
    let between = if node.is_flow(text) { ", ".to_owned() } else { format!("\n{:indent$}", "") };
    let entries = entries.join(&between);
    edits.push(match by_rest.len() == meant {
        true => Edit { bytes: key.at.bytes.start..rest.bytes(text).end, text: entries },
        false => Edit { bytes: key.at.bytes.start..key.at.bytes.start, text: entries + &between },
    });
    edits
}
