//! `rbac`: prints the manifest of an account that may do what pvmigrate and its policies do, and no more. Talks to no cluster.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use pvmigrate_cluster::Need;
use pvmigrate_cluster::rbac::{self, Account, JobRun, Subject};
use pvmigrate_core::policy::Kind;
use pvmigrate_policy::Policies;
use serde_json::{Value, json};

use super::Command;
use crate::cli::Cli;
use crate::cli::flags::EnvironmentArgs;
use crate::cli::migration::{MigrateArgs, SourceVolumes};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{Chain, Chosen};
use crate::render::Screen;
use pvmigrate_policy_kit::project::Want;

/// The flags of `rbac`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate rbac | kubectl apply -f -
  pvmigrate rbac -n shop --job registry.example.com/pvmigrate:1 -- -n shop --source-sc a --dest-sc b
  pvmigrate rbac --policy quota-room.wasm | kubectl apply -f -")]
pub struct RbacArgs {
    /// Namespace to work in (repeatable; default: all namespaces)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// Name of the service account
    #[arg(long, value_name = "[NAMESPACE/]NAME", default_value = "pvmigrate")]
    pub service_account: String,
    /// Give the permissions to this user instead of a service account
    #[arg(long, value_name = "NAME", conflicts_with_all = ["service_account", "job"])]
    pub user: Option<String>,
    /// Allow only looking: plan and status
    #[arg(long)]
    pub read_only: bool,
    /// Allow changing the default StorageClass
    #[arg(long)]
    pub set_defaults: bool,
    /// Allow deleting the records of finished migrations
    #[arg(long)]
    pub cleanup: bool,
    /// Allow asking kubelets how full volumes are, for policies: get nodes/proxy, which lets the account run commands in pods too
    #[arg(long)]
    pub used_bytes: bool,
    /// What will happen to the old disks; only orphan-disk needs permission to delete PersistentVolume objects
    #[arg(long, value_name = "WHAT", default_value = "orphan-disk")]
    pub source_volumes: SourceVolumes,
    /// Also print a Job that runs pvmigrate from this image
    #[arg(long, value_name = "IMAGE")]
    pub job: Option<String>,
    /// Flags for the Job
    #[arg(last = true, value_name = "FLAGS")]
    pub words: Vec<String>,
    /// Policy whose look-ups to allow as well: FILE, a policy's folder, or oci://... (repeatable)
    #[arg(long, value_name = "POLICY", help_heading = "Policies")]
    pub policy: Vec<PathBuf>,
    /// Whose policies' look-ups to allow as well.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
}

/// Prints the account's objects, and with `--job` a Job that runs as it: YAML documents, or one List as JSON.
///
/// # Errors
/// Bad usage: a Job that the account could not run. A policy that does not load.
pub async fn run(args: &RbacArgs, screen: &Screen) -> Result<Exit, Failure> {
    let chain =
        Chain::of(&Chosen::bare(&args.policy, None, Want::Built), args.environment.named().as_ref(), &screen.note())
            .await?;
    let needs = Policies::new(chain.links)?.needs();
    let objects = objects(args, needs.into_iter().map(|need| need.kind).collect())?;
    let text = yaml(&objects)?;
    screen.result(|| text, &json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
    Ok(Exit::Done)
}

fn objects(args: &RbacArgs, looked_up: Vec<Kind>) -> Result<Vec<Value>, Failure> {
    let job = job(args)?;
    let mut needs = BTreeSet::from([Need::Inspect]);
    if args.used_bytes {
        needs.insert(Need::UsedBytes);
    }
    if !args.read_only {
        needs.insert(Need::Migrate);
        if args.source_volumes == SourceVolumes::OrphanDisk {
            needs.insert(Need::DeleteVolumes);
        }
        if args.set_defaults {
            needs.insert(Need::SetDefaults);
        }
        if args.cleanup {
            needs.insert(Need::Cleanup);
        }
    }
    let within: BTreeSet<String> = args.namespace.iter().cloned().collect();
    let (namespace, name) = match args.service_account.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (None, args.service_account.clone()),
    };
    let namespace = namespace.or_else(|| args.namespace.first().cloned()).unwrap_or_else(|| "default".to_owned());
    let job = job.map(|run| rbac::job(&namespace, &name, &run));
    let subject = match &args.user {
        Some(user) => Subject::User(user.clone()),
        None => Subject::ServiceAccount { namespace, name },
    };
    let mut objects = rbac::account(&Account { subject, needs, looked_up, within });
    objects.extend(job);
    Ok(objects)
}

/// Returns what the Job is to run, if there is to be one.
fn job(args: &RbacArgs) -> Result<Option<JobRun>, Failure> {
    let Some(image) = &args.job else {
        return if args.words.is_empty() {
            Ok(None)
        } else {
            Err(Failure::usage("the flags after -- are for a Job, but --job is missing")
                .hint("add --job IMAGE before the --"))
        };
    };
    let words = std::iter::once("pvmigrate").chain(args.words.iter().map(String::as_str)).map(OsString::from);
    let cli = Cli::read(words).map_err(|error| {
        let error = error.to_string();
        Failure::usage(format!("the Job's flags: {}", error.lines().next().unwrap_or_default()))
    })?;
    match &cli.command {
        None => may_run(args, &cli.migrate)?,
        Some(Command::Migrate(asked)) => may_run(args, asked)?,
        Some(_) => return Err(Failure::usage("the Job has to migrate: put only flags of migrate after the --")),
    }
    Ok(Some(JobRun { image: image.clone(), words: args.words.clone() }))
}

/// Makes sure that the account may do what the Job is asked to do: better to fail now than at the end of a migration.
fn may_run(args: &RbacArgs, asked: &MigrateArgs) -> Result<(), Failure> {
    let options = asked.migration.options()?;
    let refuse = |why: &str, hint: &str| Err(Failure::usage(format!("the Job's flags: {why}")).hint(hint));
    if args.read_only {
        return refuse("a read-only account cannot migrate", "leave out --read-only");
    }
    if options.set_defaults && !args.set_defaults {
        return refuse("--set-defaults needs its own permission", "add --set-defaults before the -- as well");
    }
    if asked.migration.scope.source_volumes == SourceVolumes::OrphanDisk
        && args.source_volumes != SourceVolumes::OrphanDisk
    {
        return refuse(
            "the account may not delete PersistentVolume objects",
            "use the same --source-volumes after the --",
        );
    }
    let has_policies =
        |policies: &[PathBuf], environment: &EnvironmentArgs| !policies.is_empty() || environment.name.is_some();
    let rules = &asked.migration.rules;
    if has_policies(&rules.policy, &rules.environment) && !has_policies(&args.policy, &args.environment) {
        return refuse(
            "the account may not look up what its policies need",
            "also name the policies before the --, with --policy or --environment, by their paths on this machine",
        );
    }
    match &options.namespace {
        _ if args.namespace.is_empty() => Ok(()),
        Some(namespace) if args.namespace.contains(namespace) => Ok(()),
        Some(_) | None => refuse(
            "the account is limited to the namespaces before the --",
            "add --namespace with one of them after the --",
        ),
    }
}

fn yaml(objects: &[Value]) -> Result<String, Failure> {
    let mut text = String::new();
    for object in objects {
        let document = serde_saphyr::to_string(object)
            .map_err(|error| Failure::new(Exit::Usage, error).context("cannot write the manifest"))?;
        text.push_str("---\n");
        text.push_str(document.trim_end());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn args(line: &str) -> RbacArgs {
        let words = std::iter::once("pvmigrate rbac").chain([line]).flat_map(str::split_whitespace).map(OsString::from);
        match Cli::read(words).unwrap().command {
            Some(Command::Rbac(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    fn objects(args: &RbacArgs) -> Result<Vec<Value>, Failure> {
        super::objects(args, Vec::new())
    }

    fn names(line: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = |object: &Value| {
            let metadata = &object["metadata"];
            format!("{} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
        };
        objects(&args(line)).unwrap().iter().map(name).collect()
    }

    #[test]
    fn the_manifest_for_a_namespace() {
        let line = "--namespace shop --source-volumes keep-pv --job registry.example.com/pvmigrate:1 -- --namespace shop \
                    --source-sc a --dest-sc b --source-volumes keep-pv";
        insta::assert_snapshot!(yaml(&objects(&args(line)).unwrap()).unwrap());
    }

    #[test]
    fn what_is_printed_follows_the_namespaces() {
        assert_eq!(
            names(""),
            [
                "ServiceAccount default/pvmigrate",
                "ClusterRole /default:pvmigrate",
                "ClusterRoleBinding /default:pvmigrate"
            ]
        );
        assert_eq!(
            names("--namespace shop -n bank --service-account ops/mover"),
            [
                "ServiceAccount ops/mover",
                "ClusterRole /ops:mover",
                "ClusterRoleBinding /ops:mover",
                "Role bank/mover",
                "RoleBinding bank/mover",
                "Role shop/mover",
                "RoleBinding shop/mover",
            ]
        );
        assert_eq!(
            names("--user a/b -n shop"),
            [
                "ClusterRole /pvmigrate:user:a-b",
                "ClusterRoleBinding /pvmigrate:user:a-b",
                "Role shop/pvmigrate:user:a-b",
                "RoleBinding shop/pvmigrate:user:a-b",
            ]
        );
    }

    #[test]
    fn optional_verbs_are_given_when_asked_for_only() {
        let may = |line: &str, verb: &str, resource: &str| {
            let all = objects(&args(line)).unwrap();
            let mut rules = all.iter().filter_map(|object| object["rules"].as_array()).flatten();
            rules.any(|rule| {
                rule["resources"][0] == resource && rule["verbs"].as_array().unwrap().contains(&json!(verb))
            })
        };
        assert!(may("", "delete", "persistentvolumes"));
        assert!(!may("--source-volumes reclaim", "delete", "persistentvolumes"));
        assert!(!may("", "patch", "storageclasses") && may("--set-defaults", "patch", "storageclasses"));
        assert!(!may("", "delete", "configmaps") && may("--cleanup", "delete", "configmaps"));
        assert!(may("", "create", "pods") && !may("--read-only --set-defaults", "create", "pods"));
    }

    #[test]
    fn a_job_that_the_account_could_not_run_is_refused() {
        let classes = "--source-sc a --dest-sc b";
        for (line, words) in [
            (format!("-- {classes}"), "--job is missing"),
            ("--job i -- --source-sc a".to_owned(), "--dest-sc is missing"),
            (format!("--job i -- {classes} --sett-defaults"), "unexpected argument"),
            ("--job i -- status".to_owned(), "has to migrate"),
            (format!("--job i -- {classes} --set-defaults"), "its own permission"),
            (format!("--job i --source-volumes keep-pv -- {classes}"), "may not delete PersistentVolume"),
            (format!("--job i --read-only -- {classes}"), "read-only account"),
            (format!("--job i -- {classes} --policy keep.wasm"), "its policies need"),
            (format!("--job i -- {classes} --environment prod"), "its policies need"),
            (format!("--job i --namespace shop -- {classes}"), "namespaces before the --"),
            (format!("--job i --namespace shop -- {classes} --namespace bank"), "namespaces before the --"),
        ] {
            let failure = objects(&args(&line)).unwrap_err();
            assert!(failure.error.to_string().contains(words), "{line}: {:#}", failure.error);
        }
        for line in [
            format!("--job i --set-defaults -- {classes} --set-defaults"),
            format!("--job i --policy here/keep.wasm -- {classes} --policy /keep.wasm"),
        ] {
            assert!(objects(&args(&line)).is_ok(), "{line}");
        }
    }
}
