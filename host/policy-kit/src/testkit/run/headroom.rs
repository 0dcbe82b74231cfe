//! Measures what the policies of the cases leave of their limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_policy::Configured;

use crate::bench::headroom::probe;
use crate::testkit::read::chain::{Id, Opened};
use crate::testkit::read::ready::Ready;
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::report::PolicyHeadroom;

/// Measures each policy that is tested by itself, with the settings of its first case that expects an answer.
pub(crate) fn of<'a>(opened: &Opened, cases: impl Iterator<Item = &'a Case>) -> Vec<PolicyHeadroom> {
    let mut tested: BTreeMap<Id, &Configured> = BTreeMap::new();
    for case in cases.filter(|case| case.skip.is_none() && !case.expects_fault()) {
        let (Some(id), Ready::Policies(policies)) = (case.chain.tested, &case.ready) else { continue };
        if let Some(link) = policies.chain().find(|link| Arc::ptr_eq(link.policy(), opened.get(id))) {
            tested.entry(id).or_insert(link);
        }
    }
    let measured = |link: &Configured| {
        let policy = link.policy().info().name.clone();
        match probe(link) {
            Ok(decisions) => PolicyHeadroom { policy, decisions, fault: None },
            Err(failure) => PolicyHeadroom { policy, decisions: Vec::new(), fault: Some(failure.to_string()) },
        }
    };
    tested.into_values().map(measured).collect()
}
