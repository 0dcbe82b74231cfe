//! Where volumes can be mounted, as far as the volumes alone say so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What labels, or fields, of a node must be: one of these values each.
pub type Term = BTreeMap<String, BTreeSet<String>>;

/// The nodes that can mount a volume: those that match one of these terms, or every node if there are no terms.
///
/// Only what can be compared without looking at nodes is kept: that a value is one of some. A term that asks for anything else
/// allows more here than on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reach(Vec<Term>);

impl Reach {
    /// Returns the nodes that fit any of the terms.
    pub fn any(terms: impl IntoIterator<Item = Term>) -> Self {
        Self(terms.into_iter().collect())
    }

    /// Tells whether no node, whatever nodes there are, can mount both.
    pub fn excludes(&self, other: &Self) -> bool {
        let contradict =
            |a: &Term, b: &Term| a.iter().any(|(key, one)| b.get(key).is_some_and(|two| one.is_disjoint(two)));
        let is_bound = !self.0.is_empty() && !other.0.is_empty();
        is_bound && self.0.iter().all(|a| other.0.iter().all(|b| contradict(a, b)))
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_key = |(key, values): (&String, &BTreeSet<String>)| {
            format!("{key}={}", values.iter().map(String::as_str).collect::<Vec<_>>().join("|"))
        };
        let of_term = |term: &Term| term.iter().map(of_key).collect::<Vec<_>>().join(",");
        f.write_str(&self.0.iter().map(of_term).collect::<Vec<_>>().join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(terms: &[&[(&str, &[&str])]]) -> Reach {
        let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let term =
            |term: &&[(&str, &[&str])]| term.iter().map(|(key, values)| ((*key).to_owned(), set(values))).collect();
        Reach::any(terms.iter().map(term))
    }

    #[test]
    fn two_volumes_are_apart_only_where_no_node_can_have_both() {
        let (host, zone) = ("kubernetes.io/hostname", "topology.kubernetes.io/zone");
        for (one, two, apart) in [
            (reach(&[]), reach(&[&[(host, &["n1"])]]), false),
            (reach(&[&[]]), reach(&[&[(host, &["n1"])]]), false),
            (reach(&[&[(host, &["n1"])]]), reach(&[&[(host, &["n1"])]]), false),
            (reach(&[&[(host, &["n1"])]]), reach(&[&[(host, &["n2"])]]), true),
            (reach(&[&[(host, &["n1", "n2"])]]), reach(&[&[(host, &["n2"])]]), false),
            (reach(&[&[(host, &["n1"])], &[(host, &["n2"])]]), reach(&[&[(host, &["n2"])]]), false),
            (reach(&[&[(host, &["n1"])], &[(host, &["n2"])]]), reach(&[&[(host, &["n3"])]]), true),
            // A node of that zone may be n1.
            (reach(&[&[(host, &["n1"])]]), reach(&[&[(zone, &["a"])]]), false),
            (reach(&[&[(host, &["n1"]), (zone, &["a"])]]), reach(&[&[(zone, &["b"])]]), true),
        ] {
            assert_eq!((one.excludes(&two), two.excludes(&one)), (apart, apart), "{one} and {two}");
        }
    }

    #[test]
    fn a_reach_is_written_as_selectors_are() {
        let text = reach(&[&[("zone", &["a", "b"]), ("disk", &["ssd"])], &[("zone", &["c"])]]).to_string();
        assert_eq!(text, "disk=ssd,zone=a|b or zone=c");
    }
}
