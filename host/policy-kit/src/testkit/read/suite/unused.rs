//! Rows that no case looks at: they look like a test, and check nothing.

use std::collections::BTreeSet;

use super::Case;
use pvmigrate_core::policy::facts;
use pvmigrate_yaml::{Fields, Key, Wrong};

/// Finds the first row of the file that no case needs.
pub(super) fn rows(file: &Fields<'_>, cases: &[Case]) -> Result<(), Wrong> {
    if cases.is_empty() {
        // That is an error of its own.
        return Ok(());
    }
    let classes: BTreeSet<_> = cases.iter().flat_map(classes_of).collect();
    if let Some(key) = first(file, "classes", |name| classes.contains(name))? {
        let what = format!("no case uses class {}: no volume has it, and it is neither source nor target", key.name);
        return Err(Wrong::new(&key.at, what));
    }
    let looked_at = |name: &str| cases.iter().any(|case| case.looks_at(name));
    if let Some(key) = first(file, "volumes", looked_at)? {
        let what = format!("no case looks at volume {}: none patches it, and none expects anything of it", key.name);
        return Err(Wrong::new(&key.at, what));
    }
    Ok(())
}

fn first<'a>(file: &Fields<'a>, rows: &str, used: impl Fn(&str) -> bool) -> Result<Option<&'a Key>, Wrong> {
    let rows = file.get(rows).map(|node| node.map(rows)).transpose()?.unwrap_or_default();
    Ok(rows.iter().map(|(key, _)| key).find(|key| !used(&key.name)))
}

fn classes_of(case: &Case) -> impl Iterator<Item = &str> {
    let request = &case.question.request;
    let source = request.facts.get(facts::SOURCE_CLASS).map(String::as_str);
    let ends = source.into_iter().chain([request.target.name.as_str()]);
    ends.chain(request.volumes.iter().filter_map(|volume| volume.storage_class.as_deref()))
}

impl Case {
    /// Returns whether the answer about a volume could make the case fail.
    fn looks_at(&self, claim: &str) -> bool {
        let expected = &self.expected;
        self.golden.is_some()
            || expected.fault.is_some()
            || expected.settings_error.is_some()
            || expected.answers.iter().any(|(_, wanted)| wanted.looks_at(claim))
            || self.patches.contains(claim)
    }
}
