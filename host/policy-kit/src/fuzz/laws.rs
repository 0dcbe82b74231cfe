//! What must hold for the judgement of a chain, whatever its policies answer.
//!
//! The host's own rules are in `pvmigrate_core::policy`, and have tests there; here they are checked on real answers.

use pvmigrate_core::policy::{Decider, Judgement, PolicyRef, Request, Volume, Vote, floor};

use super::Broken;
use pvmigrate_policy::PolicyFailure;

/// Finds the first law that a judgement breaks. `without` asks the same of the chain without the policy.
pub(super) fn broken(
    request: &Request,
    judgement: &Judgement,
    policy: &PolicyRef,
    without: impl FnOnce() -> Result<Judgement, PolicyFailure>,
) -> Option<Broken> {
    let pairs = || request.volumes.iter().zip(&judgement.verdicts);
    let beyond = pairs().find(|(volume, verdict)| verdict.selected() && floor::scope(request, volume).is_some());
    if let Some((volume, _)) = beyond {
        return Some(must_stay(volume, "floor", "it is selected, although it is outside what was asked for"));
    }
    for (volume, verdict) in pairs() {
        let needed = verdict.target.iter().flat_map(|target| floor::check(request, volume, target));
        for wanted in needed {
            let is_it = |found: &&pvmigrate_core::policy::Judged| {
                found.by == Decider::Host && found.code == wanted.code && found.about == wanted.about
            };
            if judgement.blockers().find(is_it).is_none() {
                let line = format!("blocker {} on {}", wanted.code, wanted.about);
                return Some(Broken {
                    rule: "floor",
                    message: format!("{}: the finding {line} is missing", volume.claim()),
                    expect: Some(format!("{{findings: {{at-least: [{}]}}}}", super::write::text(&line))),
                });
            }
        }
    }
    added(request, judgement, policy, without)
}

/// Finds a volume that a policy added although it only skips.
fn added(
    request: &Request,
    judgement: &Judgement,
    policy: &PolicyRef,
    without: impl FnOnce() -> Result<Judgement, PolicyFailure>,
) -> Option<Broken> {
    let mut votes = judgement.verdicts.iter().flat_map(|verdict| &verdict.votes);
    if votes.any(|cast| cast.by == *policy && matches!(cast.vote, Vote::Migrate(_))) {
        return None;
    }
    // The built-in policy cannot fail over a question that it has just answered.
    let before = without().ok()?;
    let pairs = request.volumes.iter().zip(before.verdicts.iter().zip(&judgement.verdicts));
    let mut more = pairs.filter(|(_, (before, after))| after.selected() && !before.selected());
    more.next()
        .map(|(volume, _)| must_stay(volume, "skips-add", "it moves now, although the policy never voted to migrate"))
}

fn must_stay(volume: &Volume, rule: &'static str, what: &str) -> Broken {
    Broken {
        rule,
        message: format!("{}: {what}", volume.claim()),
        expect: Some(format!("{{select: {{{}: skip, rest: any}}}}", super::write::text(&volume.claim()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::Arc;

    use pvmigrate_core::access::AccessMode;
    use pvmigrate_core::policy::{Planned, Question, facts};

    use super::*;
    use crate::bench::synthetic;
    use pvmigrate_policy::Policies;

    /// Returns a question about a claim of the source class, the honest answer to it, and who gave it.
    fn judged() -> (Request, Judgement, PolicyRef) {
        let mut request = synthetic::question(1, &[]).request;
        request.facts.insert(facts::NAMESPACE.to_owned(), request.volumes[0].namespace.clone());
        let policies = Policies::builtin().unwrap();
        let question = Question { request: request.clone(), collected: Arc::default() };
        let judgement = policies.judge(&question, &Planned::of).unwrap();
        assert!(judgement.verdicts[0].selected());
        let by = policies.chain().next().unwrap().policy().reference();
        (request, judgement, by)
    }

    fn rule(request: &Request, judgement: &Judgement, by: &PolicyRef) -> Option<(&'static str, Option<String>)> {
        let honest = judged().1;
        broken(request, judgement, by, || Ok(honest)).map(|broken| (broken.rule, broken.expect))
    }

    #[test]
    fn an_honest_judgement_breaks_no_law() {
        let (request, judgement, by) = judged();
        assert_eq!(rule(&request, &judgement, &by), None);
    }

    #[test]
    fn what_lies_beyond_the_scope_may_not_move() {
        let (mut request, judgement, by) = judged();
        request.facts.insert(facts::NAMESPACE.to_owned(), "elsewhere".to_owned());
        let claim = judgement.verdicts[0].claim();
        let expect = format!("{{select: {{{claim}: skip, rest: any}}}}");
        assert_eq!(rule(&request, &judgement, &by), Some(("floor", Some(expect))));
    }

    #[test]
    fn a_shape_below_the_floor_needs_its_blocker() {
        let (request, mut judgement, by) = judged();
        judgement.verdicts[0].target.as_mut().unwrap().modes = vec![AccessMode::ReadOnlyMany];
        let claim = judgement.verdicts[0].claim();
        let expect = format!("{{findings: {{at-least: [\"blocker narrower-than-used on {claim}\"]}}}}");
        assert_eq!(rule(&request, &judgement, &by), Some(("floor", Some(expect))));
        let target = judgement.verdicts[0].target.clone().unwrap();
        judgement.findings.extend(floor::check(&request, &request.volumes[0], &target));
        assert_eq!(rule(&request, &judgement, &by), None);
    }

    #[test]
    fn a_policy_that_only_skips_adds_nothing() {
        let (request, judgement, by) = judged();
        let mut without = judgement.clone();
        without.verdicts[0].decision.selected = false;
        let other = PolicyRef { name: "skips".to_owned(), ..by.clone() };
        let found = |policy: &PolicyRef| broken(&request, &judgement, policy, || Ok(without.clone()));
        assert_eq!(found(&other).map(|broken| broken.rule), Some("skips-add"));
        assert_eq!(found(&by), None, "who voted to migrate may add");
    }
}
