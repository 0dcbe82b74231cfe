//! The pairing of expected with actual findings.

use pvmigrate_core::policy::Judged;

use super::word::FindingWord;
use crate::testkit::vocabulary::checker::Want;

/// A pair of an expected and an actual finding; one side is missing where nothing corresponds.
pub(crate) struct Paired<'a> {
    /// The place in the list of those expected.
    pub(crate) expected: Option<usize>,
    pub(crate) got: Option<&'a Judged>,
    pub(crate) fits: bool,
}

/// Pairs each expected finding with the actual one that was meant, as far as that can be seen: the same, or else one
/// with the same code and subject, or else one with the same code.
pub(crate) fn pair<'a>(expected: &[Want<FindingWord>], got: &[&'a Judged]) -> Vec<Paired<'a>> {
    let mut left: Vec<&'a Judged> = got.to_vec();
    let mut pairs: Vec<Paired<'a>> = Vec::new();
    let mut open: Vec<usize> = (0..expected.len()).collect();
    let likeness: [fn(&FindingWord, &Judged) -> bool; 3] = [
        FindingWord::fits,
        |want, got| want.code == got.code && want.about == got.about.to_string(),
        |want, got| want.code == got.code,
    ];
    for (round, alike) in likeness.into_iter().enumerate() {
        open.retain(|at| {
            let Some(found) = left.iter().position(|got| alike(&expected[*at].is, got)) else { return true };
            pairs.push(Paired { expected: Some(*at), got: Some(left.remove(found)), fits: round == 0 });
            false
        });
    }
    pairs.extend(open.into_iter().map(|at| Paired { expected: Some(at), got: None, fits: false }));
    pairs.sort_by_key(|pair| pair.expected);
    pairs.extend(left.into_iter().map(|got| Paired { expected: None, got: Some(got), fits: false }));
    pairs
}
