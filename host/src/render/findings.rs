//! What keeps something from starting: the reference tool's table of namespace, resource and message.

use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::cause::Cause;

use super::table::Table;
use super::units::count;
use super::{Screen, clean};
use crate::options::Options;
use crate::plan::Plan;

/// Returns the table of blockers; the code begins each message, because it is what scripts look for.
pub fn table(blockers: &[Blocker], width: Option<u16>) -> String {
    let mut table = Table::new(&["NAMESPACE", "RESOURCE", "MESSAGE"], &[]);
    for blocker in blockers {
        let (namespace, resource) = place(&blocker.about);
        table.row(&[namespace, resource, format!("{}: {}", blocker.label(), blocker.message)]);
    }
    table.text(width)
}

/// Says on stderr what to do about the blockers, each advice once, behind the word that tells what it is about.
pub fn hints(screen: &Screen, blockers: &[Blocker]) {
    let mut told: Vec<&str> = Vec::new();
    for blocker in blockers.iter().filter(|blocker| !blocker.hint.is_empty()) {
        if !told.contains(&blocker.hint.as_str()) {
            told.push(&blocker.hint);
            let word = blocker.cause.map_or(blocker.code.as_str(), Cause::as_str);
            screen.hint(&format!("{word}: {}", clean(&blocker.hint)));
        }
    }
}

/// Warns of permissions that a run can do without, and of those that could not be checked.
pub fn permission_notes(plan: &Plan, screen: &Screen) -> String {
    let notes = plan.permission_notes.iter();
    notes.map(|note| format!("{} {}\n", screen.paint.bad("warning:"), clean(note))).collect()
}

/// Says on stderr how to go on with the groups that nothing keeps from starting.
pub fn hint_skip_blocked(screen: &Screen, plan: &Plan, options: &Options) {
    let free = plan.startable(true).count();
    if plan.startable(options.skip_blocked).next().is_none() && free > 0 {
        let (free, all) = (count(free, "group"), plan.groups.len());
        screen.hint(&format!(
            "nothing keeps {free} of {all} from starting: add --skip-blocked to migrate without the rest"
        ));
    }
}

/// Splits "claim shop/data" into the namespace and "claim data"; an object of the whole cluster has no namespace, nor has a
/// user, whose name may hold anything.
fn place(about: &str) -> (String, String) {
    if about.starts_with("user ") {
        return (String::new(), about.to_owned());
    }
    let (kind, name) = about.rsplit_once(' ').unwrap_or(("", about));
    match name.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), format!("{kind} {name}").trim().to_owned()),
        None => (String::new(), about.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::blocker::Code;

    use super::*;

    #[test]
    fn a_table_as_the_reference_tool_prints_it() {
        let blocker = |code, about: &str, message: &str| Blocker {
            code,
            cause: None,
            about: about.to_owned(),
            message: message.to_owned(),
            hint: String::new(),
        };
        let blockers = [
            blocker(Code::NoSuchClass, "StorageClass fast", "it does not exist; existing classes: slow"),
            blocker(Code::BarePod, "pod shop/debug", "it uses claim data and no workload owns it"),
            blocker(Code::MissingPermission, "user https://id/#ann", "it may not patch statefulsets.apps"),
            blocker(Code::MissingPermission, "ServiceAccount ops/mover", "it may not patch statefulsets.apps"),
            blocker(Code::PolicyBlocker, "claim shop/data", "too large (too-large of policy keep-and-cap 0.1.0)"),
        ];
        insta::assert_snapshot!(table(&blockers, None));
    }
}
