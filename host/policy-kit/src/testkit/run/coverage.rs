//! Gathers what the cases cover.

use std::collections::BTreeMap;

use pvmigrate_policy::Function;

use super::case::Ran;
use crate::testkit::read::chain::{Id, Opened};
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::coverage::{Coverage, Covered, PolicyCoverage, Share};
use crate::testkit::vocabulary::expected::Expected;
use crate::testkit::vocabulary::report::Outcome;

/// Gathers what the cases that passed cover.
pub(crate) fn of<'a>(opened: &Opened, ran: impl Iterator<Item = (&'a Case, &'a Ran)>) -> Coverage {
    let mut gathered: BTreeMap<Id, Covered> = BTreeMap::new();
    for (case, ran) in ran {
        let Some(id) = case.chain.tested else { continue };
        let of_policy = gathered.entry(id).or_default();
        if let (Outcome::Passed, Some(actual)) = (&ran.report.outcome, &ran.actual) {
            of_policy.settings.extend(case.settings.as_object().into_iter().flat_map(|all| all.keys().cloned()));
            add(of_policy, &case.expected, actual);
            let golden = case.golden.as_ref().and_then(|golden| golden.expected.as_ref().ok());
            golden.into_iter().for_each(|golden| add(of_policy, golden, actual));
        }
    }
    let policies: Vec<_> = gathered.into_iter().map(|(id, gathered)| share(&gathered, opened, id)).collect();
    let shares = policies.iter().flat_map(|one| [&one.codes, &one.settings]);
    let (covered, of) = shares.fold((0, 0), |(covered, of), share| (covered + share.covered, of + share.of));
    let percent = (covered * 100).checked_div(of).map_or(100, |percent| u8::try_from(percent).unwrap_or(100));
    Coverage { policies, percent }
}

fn add(covered: &mut Covered, expected: &Expected, actual: &Actual) {
    expected.answers.iter().for_each(|(_, wanted)| wanted.cover(actual, covered));
    let undecided = expected.fault.as_ref().and_then(|fault| fault.is.strip_prefix("undecided "));
    covered.codes.extend(undecided.map(str::to_owned));
}

fn share(covered: &Covered, opened: &Opened, id: Id) -> PolicyCoverage {
    let info = opened.get(id).info();
    let settings = info.settings_schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    let votes = info.has(Function::SELECT.interface());
    PolicyCoverage {
        policy: info.name.clone(),
        votes: votes.then_some(covered.votes),
        codes: Share::of(info.codes.iter().map(|doc| doc.code.as_str()), &covered.codes),
        settings: Share::of(settings.into_iter().flat_map(|all| all.keys()).map(String::as_str), &covered.settings),
    }
}
