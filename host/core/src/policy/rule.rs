//! Which rule of the chain made a decision, read off a verdict that is there already. Decides nothing: see [`super::chain`].

use serde::Serialize;

use super::answer::Vote;
use super::chain::NO_VOTE;
use super::verdict::{Decider, Verdict};

/// The rule by which votes became a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The claim is beyond what was asked for, whatever the votes.
    Beyond,
    /// One of the user's policies wants it to stay.
    AnySkip,
    /// One of the user's policies wants it moved, and none wants it to stay.
    OneMigrate,
    /// The user's policies have no opinion, so the built-in one decides.
    BuiltIn,
    /// Nobody has an opinion.
    NoVote,
}

impl Rule {
    /// Finds the rule behind a verdict. The built-in policy's vote is the last, as [`Verdict::votes`] says.
    pub fn of(verdict: &Verdict) -> Self {
        let decision = &verdict.decision;
        match &decision.by {
            Decider::Host if decision.reason.code == NO_VOTE => return Self::NoVote,
            Decider::Host => return Self::Beyond,
            Decider::Policy(_) => {}
        }
        let custom = verdict.votes.split_last().map_or(&[][..], |(_, custom)| custom);
        if custom.iter().any(|cast| matches!(cast.vote, Vote::Skip(_))) {
            Self::AnySkip
        } else if custom.iter().any(|cast| matches!(cast.vote, Vote::Migrate(_))) {
            Self::OneMigrate
        } else {
            Self::BuiltIn
        }
    }

    /// Describes the rule in a sentence, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Beyond => "no policy can move a claim that is beyond what was asked for",
            Self::AnySkip => "one vote to skip is enough, whatever the others vote",
            Self::OneMigrate => "one vote to migrate is enough when none is to skip",
            Self::BuiltIn => "no other policy voted, so the built-in one decides",
            Self::NoVote => "without any vote a claim stays",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Reason;
    use super::super::object::Pairs;
    use super::super::verdict::{Decision, PolicyRef, VoteCast};
    use super::*;

    fn reason(code: &str) -> Reason {
        Reason { code: code.to_owned(), message: String::new(), details: Pairs::new() }
    }

    fn verdict(votes: &str, by: Option<&str>) -> Verdict {
        let policy = |name: &str| PolicyRef { name: name.to_owned(), version: "1".to_owned(), digest: String::new() };
        let vote = |letter| match letter {
            'M' => Vote::Migrate(reason("m")),
            'S' => Vote::Skip(reason("s")),
            _ => Vote::Abstain,
        };
        let by_host = Decision { selected: false, by: Decider::Host, reason: reason(by.unwrap_or_default()) };
        let by_policy = Decision { by: Decider::Policy(policy("p")), ..by_host.clone() };
        Verdict {
            namespace: "db".to_owned(),
            name: "data".to_owned(),
            uid: String::new(),
            decision: if by.is_some() { by_host } else { by_policy },
            target: None,
            votes: votes.chars().map(|letter| VoteCast { by: policy("p"), vote: vote(letter) }).collect(),
            opinions: Vec::new(),
        }
    }

    #[test]
    fn the_rules() {
        for (votes, by_host, rule) in [
            ("MSM", None, Rule::AnySkip),
            ("M.S", None, Rule::OneMigrate),
            ("..S", None, Rule::BuiltIn),
            ("M", None, Rule::BuiltIn),
            ("..", Some(NO_VOTE), Rule::NoVote),
            ("M.", Some("outside-namespace"), Rule::Beyond),
        ] {
            assert_eq!(Rule::of(&verdict(votes, by_host)), rule, "{votes} {by_host:?}");
        }
    }
}
