//! How the answers of several policies become one: the pure rules of the chain.
//!
//! Three stages, because each builds on the one before: [`select`], [`shape`] for what was selected, and
//! [`findings`] on the plan. Asking the policies happens elsewhere; so does checking that an answer is about
//! volumes that were asked about. An answer about any other volume has no effect here.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Ballot, Finding, Mapping, Reason, Subject, TargetShape, Vote};
use super::floor;
use super::object::{Pairs, VolumeId};
use super::question::{Request, normal_modes};
use super::verdict::{About, Decider, Decision, Judged, ModesOpinion, PolicyRef, Target, Verdict, VoteCast, Warning};

/// Two policies want different shapes for one claim.
pub const MODE_CONFLICT: &str = "mode-conflict";
/// No policy wants the claim moved.
pub const NO_VOTE: &str = "no-vote";
/// No policy has an opinion on the shape, so the new claim asks for what the old one asked for.
pub const AS_BEFORE: &str = "as-before";

/// What one policy answered to one question. Policies that do not export the question have no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// Whose answer.
    pub by: PolicyRef,
    /// True for the built-in policy, which decides what the others leave open.
    pub built_in: bool,
    /// The answer, at most one entry a volume.
    pub given: Vec<T>,
}

/// Decides what moves: any skip wins; else one vote to migrate is enough; else the built-in policy decides.
///
/// Returns one verdict a volume in the order of the request, without targets. The host's scope comes before
/// all votes. The order of the answers changes the trace, never the decision.
pub fn select(request: &Request, answers: &[Answer<Ballot>]) -> Vec<Verdict> {
    let voters: Vec<_> = answers
        .iter()
        .map(|answer| {
            let votes: HashMap<VolumeId, &Vote> =
                answer.given.iter().map(|ballot| (ballot.volume, &ballot.vote)).collect();
            (answer, votes)
        })
        .collect();
    let verdict = |volume: &super::question::Volume| {
        let votes: Vec<Cast<'_>> = voters
            .iter()
            .map(|(answer, votes)| Cast {
                by: &answer.by,
                built_in: answer.built_in,
                vote: votes.get(&volume.id).copied().unwrap_or(&Vote::Abstain),
            })
            .collect();
        // Policies speak first; the floor only takes back a vote that reaches beyond what was asked for.
        let voted = decide(&votes);
        let beyond = floor::scope(request, volume).filter(|_| voted.selected);
        let decision = beyond.map_or(voted, |reason| Decision { selected: false, by: Decider::Host, reason });
        Verdict {
            namespace: volume.namespace.clone(),
            name: volume.name.clone(),
            uid: volume.uid.clone(),
            decision,
            target: None,
            votes: votes.iter().map(Cast::kept).collect(),
            opinions: Vec::new(),
        }
    };
    request.volumes.iter().map(verdict).collect()
}

/// One vote with its voter.
struct Cast<'a> {
    by: &'a PolicyRef,
    built_in: bool,
    vote: &'a Vote,
}

impl Cast<'_> {
    fn kept(&self) -> VoteCast {
        VoteCast { by: self.by.clone(), vote: self.vote.clone() }
    }
}

fn decide(votes: &[Cast<'_>]) -> Decision {
    let (built_in, custom): (Vec<_>, Vec<_>) = votes.iter().partition(|cast| cast.built_in);
    weigh(&custom).or_else(|| weigh(&built_in)).unwrap_or(Decision {
        selected: false,
        by: Decider::Host,
        reason: Reason {
            code: NO_VOTE.to_owned(),
            message: "no policy voted to migrate it".to_owned(),
            details: Pairs::new(),
        },
    })
}

/// Finds the deciding vote. Among equals the first by name and reason counts, so that order does not matter.
fn weigh(votes: &[&Cast<'_>]) -> Option<Decision> {
    let skip = votes.iter().filter_map(|cast| match cast.vote {
        Vote::Skip(reason) => Some((cast.by, reason)),
        Vote::Migrate(_) | Vote::Abstain => None,
    });
    let migrate = votes.iter().filter_map(|cast| match cast.vote {
        Vote::Migrate(reason) => Some((cast.by, reason)),
        Vote::Skip(_) | Vote::Abstain => None,
    });
    let (selected, (by, reason)) = match skip.min() {
        Some(least) => (false, least),
        None => (true, migrate.min()?),
    };
    Some(Decision { selected, by: Decider::Policy(by.clone()), reason: reason.clone() })
}

/// Gives each selected claim its shape: the first opinion in the order of the chain wins.
///
/// Without an opinion the claim keeps the modes it asked for. Later opinions that differ become warnings.
/// `verdicts` are those of [`select`] for the same request. Check the result with [`floor::check`].
pub fn shape(request: &Request, verdicts: &mut [Verdict], answers: &[Answer<Mapping>]) -> Vec<Warning> {
    let voices: Vec<_> = answers
        .iter()
        .map(|answer| {
            let shapes: HashMap<VolumeId, &TargetShape> =
                answer.given.iter().filter_map(|mapping| Some((mapping.volume, mapping.shape.as_ref()?))).collect();
            (&answer.by, shapes)
        })
        .collect();
    let mut warnings = Vec::new();
    for (volume, verdict) in request.volumes.iter().zip(verdicts) {
        verdict.opinions = voices
            .iter()
            .filter_map(|(by, shapes)| {
                shapes.get(&volume.id).map(|shape| ModesOpinion { by: (*by).clone(), shape: (*shape).clone() })
            })
            .collect();
        if !verdict.selected() {
            continue;
        }
        warnings.extend(conflict(verdict));
        verdict.target = Some(match verdict.opinions.first() {
            Some(first) => Target {
                modes: normal_modes(first.shape.modes.iter().copied()),
                volume_mode: first.shape.volume_mode,
                by: Decider::Policy(first.by.clone()),
                why: first.shape.why.clone(),
            },
            None => Target {
                modes: normal_modes(volume.requested_modes.iter().copied()),
                volume_mode: volume.volume_mode,
                by: Decider::Host,
                why: Reason {
                    code: AS_BEFORE.to_owned(),
                    message: "the access modes that the claim asks for today".to_owned(),
                    details: Pairs::new(),
                },
            },
        });
    }
    warnings
}

fn conflict(verdict: &Verdict) -> Option<Warning> {
    let (first, later) = verdict.opinions.split_first()?;
    let plain = |opinion: &ModesOpinion| {
        let modes = normal_modes(opinion.shape.modes.iter().copied());
        (modes, opinion.shape.volume_mode)
    };
    let other = later.iter().find(|other| plain(other) != plain(first))?;
    let words = |opinion: &ModesOpinion| {
        let modes: Vec<_> = plain(opinion).0.iter().map(|mode| mode.as_str()).collect();
        format!("{} {}", modes.join(", "), opinion.shape.volume_mode)
    };
    Some(Warning {
        code: MODE_CONFLICT.to_owned(),
        about: About::Claim { namespace: verdict.namespace.clone(), name: verdict.name.clone() },
        message: format!(
            "policy {} wants {}, policy {} wants {}; the first in the chain is followed",
            first.by,
            words(first),
            other.by,
            words(other)
        ),
    })
}

/// Unites findings: one for each policy, code and subject, of the highest severity.
///
/// `of_the_host` are the findings of [`floor::check`]. Sorted: blockers first, then by subject, code and author.
pub fn findings(request: &Request, answers: &[Answer<Finding>], of_the_host: Vec<Judged>) -> Vec<Judged> {
    let volumes: HashMap<VolumeId, About> = request
        .volumes
        .iter()
        .map(|volume| {
            let about = About::Claim { namespace: volume.namespace.clone(), name: volume.name.clone() };
            (volume.id, about)
        })
        .collect();
    let of_policies = answers
        .iter()
        .flat_map(|answer| answer.given.iter().filter_map(|finding| judged(&answer.by, finding, &volumes)));
    let mut kept: BTreeMap<(About, String, Decider), Judged> = BTreeMap::new();
    for finding in of_the_host.into_iter().chain(of_policies) {
        let key = (finding.about.clone(), finding.code.clone(), finding.by.clone());
        match kept.get_mut(&key) {
            Some(other) if other.severity >= finding.severity => {}
            Some(other) => *other = finding,
            None => {
                kept.insert(key, finding);
            }
        }
    }
    let mut all: Vec<_> = kept.into_values().collect();
    // Stable, so that the order of the keys holds within one severity.
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

fn judged(by: &PolicyRef, finding: &Finding, volumes: &HashMap<VolumeId, About>) -> Option<Judged> {
    let about = match &finding.subject {
        Subject::Plan => About::Plan,
        Subject::Volume(id) => volumes.get(id)?.clone(),
        Subject::Object(object) => About::Object(object.clone()),
    };
    Some(Judged {
        by: Decider::Policy(by.clone()),
        code: finding.code.clone(),
        severity: finding.severity,
        about,
        message: finding.message.clone(),
        remedy: finding.remedy.clone(),
        details: finding.details.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> PolicyRef {
        PolicyRef { name: name.to_owned(), version: "1".to_owned(), digest: String::new() }
    }

    fn why() -> Reason {
        Reason { code: "why".to_owned(), message: String::new(), details: Pairs::new() }
    }

    /// Each row: the custom policies' votes and the built-in one's (M, S or a dot for abstain), and what follows.
    #[test]
    fn skips_win_then_migrates_then_the_built_in_policy() {
        let table = [
            ("", 'M', true, "built-in"),
            ("", 'S', false, "built-in"),
            ("..", 'M', true, "built-in"),
            ("..", 'S', false, "built-in"),
            (".M", 'S', true, "custom-1"),
            ("S.", 'M', false, "custom-0"),
            ("MS", 'M', false, "custom-1"),
            ("SM", 'S', false, "custom-0"),
            ("MM", '.', true, "custom-0"),
            ("..", '.', false, "pvmigrate"),
        ];
        let vote = |letter| match letter {
            'M' => Vote::Migrate(why()),
            'S' => Vote::Skip(why()),
            _ => Vote::Abstain,
        };
        for (custom, built_in, selected, by) in table {
            let mut all: Vec<_> = custom
                .chars()
                .enumerate()
                .map(|(at, letter)| (policy(&format!("custom-{at}")), false, vote(letter)))
                .collect();
            all.push((policy("built-in"), true, vote(built_in)));
            let casts: Vec<_> = all.iter().map(|(by, built_in, vote)| Cast { by, built_in: *built_in, vote }).collect();
            let decision = decide(&casts);
            let row = format!("{custom} {built_in}");
            assert_eq!(decision.selected, selected, "{row}");
            assert!(decision.by.to_string().starts_with(by), "{row}: {}", decision.by);
        }
    }
}
