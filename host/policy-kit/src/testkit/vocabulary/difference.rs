//! Where two lines in the words of test files begin to differ, for a mark under it.

use serde::Serialize;

/// The part of an actual line that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Characters before it.
    pub start: usize,
    /// Its length in characters.
    pub length: usize,
    /// What it is: `vote`, `severity`, `code`, `subject`, `message`, `modes`.
    pub part: &'static str,
}

/// Compares votes, `WORD CODE`.
pub(crate) fn of_votes(expected: &str, got: &str) -> Option<Difference> {
    first_word(expected, got, &["vote", "code"])
}

/// Compares findings, `SEVERITY CODE on SUBJECT ~ MESSAGE`.
pub(crate) fn of_findings(expected: &str, got: &str) -> Option<Difference> {
    let head = |text: &str| text.split_once(" ~ ").map_or(text, |(head, _)| head).to_owned();
    let (expected_head, got_head) = (head(expected), head(got));
    let in_head = first_word(&expected_head, &got_head, &["severity", "code", "subject", "subject"]);
    in_head.or_else(|| {
        let start = got_head.chars().count() + " ~ ".len();
        let length = got.chars().count().checked_sub(start).filter(|length| *length > 0)?;
        Some(Difference { start, length, part: "message" })
    })
}

/// Marks all of a line.
pub(crate) fn of_modes(got: &str) -> Option<Difference> {
    Some(Difference { start: 0, length: got.chars().count(), part: "modes" })
}

/// Finds the first word that differs; further words belong to the last part.
fn first_word(expected: &str, got: &str, parts: &[&'static str]) -> Option<Difference> {
    let mut start = 0;
    let mut others = expected.split(' ');
    for (at, word) in got.split(' ').enumerate() {
        let length = word.chars().count();
        if others.next() != Some(word) {
            let part = parts.get(at).or(parts.last())?;
            return Some(Difference { start, length, part });
        }
        start += length + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_that_differs() {
        let mark = |found: Option<Difference>| found.map(|found| (found.start, found.length, found.part));
        assert_eq!(mark(of_votes("skip keep-label", "abstain")), Some((0, 7, "vote")));
        assert_eq!(mark(of_votes("skip a", "skip other")), Some((5, 5, "code")));
        assert_eq!(mark(of_votes("skip", "skip")), None);
        let got = "blocker größe on app/data ~ too large";
        assert_eq!(mark(of_findings("warning größe on app/data", got)), Some((0, 7, "severity")));
        assert_eq!(mark(of_findings("blocker grösse on app/data", got)), Some((8, 5, "code")));
        assert_eq!(mark(of_findings("blocker größe on app/more ~ too large", got)), Some((17, 8, "subject")));
        assert_eq!(mark(of_findings("blocker größe on app/data ~ too small", got)), Some((28, 9, "message")));
    }
}
