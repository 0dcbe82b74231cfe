//! What the account of a run may not do, found before anything needs it, with the command that grants it.

use std::collections::BTreeSet;

use pvmigrate_cluster::rbac::Subject;
use pvmigrate_cluster::{Error, Missing, Need, Reviewed};
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::policy::Kind;
use pvmigrate_core::record::Disposal;
use pvmigrate_core::text::shell_word;
use pvmigrate_policy::Policies;

use super::retry::retrying;
use crate::options::Options;
use crate::plan::Plan;

/// What a review found about a plan.
#[derive(Default)]
pub(super) struct Found {
    pub(super) blockers: Vec<Blocker>,
    /// For an account that may look and nothing else: what to say where looking is all that is wanted.
    pub(super) only_looks: Option<String>,
    /// What the run can do without, and what could not be checked.
    pub(super) notes: Vec<String>,
}

/// Asks for all that a run with these options could need. It is not known yet whether there is anything to do, or how the
/// volumes of migrations that an earlier run started are disposed of.
pub(super) async fn review(client: &kube::Client, policies: &Policies, options: &Options) -> Result<Reviewed, Error> {
    let mut needs = BTreeSet::from([Need::Inspect, Need::Migrate, Need::DeleteVolumes]);
    needs.extend(options.set_defaults.then_some(Need::SetDefaults));
    // What a policy can do without is noted where it is collected.
    let looked_up = policies.needs().into_iter().filter(|need| !need.optional).map(|need| need.kind);
    let looked_up: Vec<Kind> = looked_up.collect();
    retrying(|| pvmigrate_cluster::review(client, &needs, &looked_up, options.namespace.as_deref())).await
}

/// Returns what a plan lacks; without one, what any plan with these options would lack.
pub(super) async fn found(
    client: &kube::Client,
    reviewed: &Result<Reviewed, Error>,
    plan: Option<&Plan>,
    options: &Options,
) -> Found {
    let needs = needs(plan, options);
    let reviewed = match reviewed {
        // The check is not what the run is about: the API server still refuses what the account may not do.
        Err(error) => {
            return Found { notes: vec![format!("permissions could not be checked: {error}")], ..Found::default() };
        }
        Ok(reviewed) => reviewed,
    };
    let mut notes = Vec::new();
    if let Some((count, why)) = reviewed.unknown(&needs) {
        let plural = if count == 1 { "" } else { "s" };
        notes.push(format!("{count} permission{plural} could not be checked: {why}"));
    }
    let mut blocking = Vec::new();
    for missing in reviewed.missing(&needs) {
        match missing.without {
            Some(misses) => notes.push(format!("the account may not {}: {misses}", describe(&missing))),
            None => blocking.push(missing),
        }
    }
    if blocking.is_empty() {
        return Found { notes, ..Found::default() };
    }
    let account = retrying(|| pvmigrate_cluster::account(client)).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the account's name is unknown");
        None
    });
    let about = match &account {
        Some(Subject::ServiceAccount { namespace, name }) => format!("ServiceAccount {namespace}/{name}"),
        Some(Subject::User(name)) => format!("user {name}"),
        None => "account".to_owned(),
    };
    let hint = grant(account.as_ref(), &needs, options);
    let blocker = |missing: &Missing| Blocker {
        code: Code::MissingPermission,
        cause: None,
        about: about.clone(),
        message: format!("it may not {}", describe(missing)),
        hint: hint.clone(),
    };
    let only_looks = reviewed.only_looks(&needs).then(|| {
        let command = command(None, &needs, options);
        format!("this account may only look; to make a service account that may migrate: {command}")
    });
    Found { blockers: blocking.iter().map(blocker).collect(), only_looks, notes }
}

/// Returns what carrying out a plan needs; without a plan, what these options may need.
fn needs(plan: Option<&Plan>, options: &Options) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    needs.extend(options.set_defaults.then_some(Need::SetDefaults));
    if plan.is_some_and(Plan::is_empty) {
        return needs;
    }
    needs.extend([Need::Inspect, Need::Migrate]);
    let resumed = plan.into_iter().flat_map(|plan| &plan.resumed);
    let has_new = plan.is_none_or(|plan| !plan.groups.is_empty() || plan.resumed.is_empty());
    let mut disposals = resumed.map(|record| record.asked.disposal).chain(has_new.then_some(options.disposal));
    if disposals.any(|disposal| disposal == Disposal::Delete) {
        needs.insert(Need::DeleteVolumes);
    }
    needs
}

/// Returns verbs, resource and place: `create, delete pods in namespace db`.
fn describe(missing: &Missing) -> String {
    let verbs = missing.verbs.join(", ");
    let group = if missing.group.is_empty() { String::new() } else { format!(".{}", missing.group) };
    let place = match &missing.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "cluster-wide".to_owned(),
    };
    format!("{verbs} {}{group} {place}", missing.resource)
}

/// Says how the account gets all that it needs. Granting takes an account that has the permissions itself.
fn grant(account: Option<&Subject>, needs: &BTreeSet<Need>, options: &Options) -> String {
    let command = command(account, needs, options);
    match account {
        Some(_) => format!("have an administrator run: {command}"),
        None => format!("have an administrator make a service account that may do this, and run as it: {command}"),
    }
}

/// Returns the command that grants all that is needed to the account, or to a service account that it makes.
fn command(account: Option<&Subject>, needs: &BTreeSet<Need>, options: &Options) -> String {
    let mut words = vec!["pvmigrate".to_owned(), "rbac".to_owned()];
    let mut flag = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    match account {
        Some(Subject::ServiceAccount { namespace, name }) => {
            flag("--service-account", &format!("{namespace}/{name}"));
        }
        Some(Subject::User(name)) => flag("--user", name),
        None => {}
    }
    if let Some(namespace) = &options.namespace {
        flag("--namespace", namespace);
    }
    match options.disposal {
        Disposal::Keep if !needs.contains(&Need::DeleteVolumes) => flag("--source-volumes", "keep-pv"),
        Disposal::Reclaim if !needs.contains(&Need::DeleteVolumes) => flag("--source-volumes", "reclaim"),
        Disposal::Keep | Disposal::Reclaim | Disposal::Delete => {}
    }
    words.extend(needs.contains(&Need::SetDefaults).then(|| "--set-defaults".to_owned()));
    words.extend(options.policy_flags.iter().cloned());
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    format!("{} | kubectl apply -f -", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn granted(account: Option<&Subject>, plan: Option<&Plan>, change: impl FnOnce(&mut Options)) -> String {
        let mut options = samples::options();
        change(&mut options);
        grant(account, &needs(plan, &options), &options)
    }

    #[test]
    fn the_command_has_the_flags_of_the_run() {
        let command = granted(Some(&Subject::of("system:serviceaccount:ops:mover")), None, |options| {
            options.namespace = Some("db".to_owned());
            options.disposal = Disposal::Reclaim;
            options.set_defaults = true;
            options.policy_flags = ["--policy", "my rules.wasm"].map(str::to_owned).to_vec();
        });
        let expected = "have an administrator run: pvmigrate rbac --service-account ops/mover --namespace db \
                        --source-volumes reclaim --set-defaults --policy 'my rules.wasm' | kubectl apply -f -";
        assert_eq!(command, expected);
        let command = granted(Some(&Subject::of("Ann Lee")), None, |_| {});
        assert_eq!(command, "have an administrator run: pvmigrate rbac --user 'Ann Lee' | kubectl apply -f -");
        let command = granted(None, None, |_| {});
        assert!(command.ends_with("and run as it: pvmigrate rbac | kubectl apply -f -"), "{command}");
    }

    #[test]
    fn an_account_needs_what_its_run_does() {
        use Need::{DeleteVolumes, Inspect, Migrate, SetDefaults};
        let options = |set_defaults: bool, disposal: Disposal| {
            let mut options = samples::options();
            (options.set_defaults, options.disposal) = (set_defaults, disposal);
            options
        };
        let (delete, keep) = (Disposal::Delete, Disposal::Keep);
        assert_eq!(needs(None, &options(false, delete)), [Inspect, Migrate, DeleteVolumes].into());
        assert_eq!(needs(None, &options(true, keep)), [Inspect, Migrate, SetDefaults].into());
        let nothing = Plan::default();
        assert_eq!(needs(Some(&nothing), &options(false, delete)), [].into());
        assert_eq!(needs(Some(&nothing), &options(true, delete)), [SetDefaults].into());
        // What an earlier run was told to do with its volumes holds for them.
        let begun = samples::plan(false);
        assert_eq!(begun.resumed[0].asked.disposal, delete);
        assert_eq!(needs(Some(&begun), &options(false, keep)), [Inspect, Migrate, DeleteVolumes].into());
        let new = Plan { resumed: Vec::new(), ..samples::plan(false) };
        assert_eq!(needs(Some(&new), &options(false, keep)), [Inspect, Migrate].into());
    }
}
