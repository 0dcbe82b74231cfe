//! From what the user names to policies that can be asked: the same chain for plan, migrate, rehearse and `policy test`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_policy::{Configured, Limits, Policy, SettingsError};
use pvmigrate_policy_kit::Note;
use pvmigrate_policy_kit::project::{self, Ready, Want};
use pvmigrate_registry::Digest;
use serde_json::{Map, Value};

use super::environment::{Entry, Environment, Named};
use super::limits::GivenLimits;
use super::pull::Puller;
use super::source::{self, Module};
use crate::exit::Exit;
use crate::failure::Failure;

/// The lock file, beside the configuration file or in the working directory.
pub const LOCK_FILE: &str = "pvmigrate.lock";

/// Policies with their settings, and what is waived.
#[derive(Debug)]
pub struct Chain {
    /// The policies, without the built-in one unless it was named.
    pub links: Vec<Configured>,
    /// What is waived.
    pub waivers: Vec<Waiver>,
}

impl Chain {
    /// Opens the policies of the command line, then those of the environment, if one is named.
    ///
    /// # Errors
    /// When the configuration is wrong, or a policy does not load or does not accept its settings.
    pub async fn of(chosen: &Chosen<'_>, environment: Option<&Named>, note: &Note) -> Result<Self, Failure> {
        chosen.limits_apply()?;
        // A file that is missing is an error: without it, the run would go on without the environment's policies.
        let environment = environment.map(|named| Environment::read(&named.file, &named.name)).transpose()?;
        let mut opener = Opener::new(environment.as_ref(), chosen.want, note);
        let mut links = Vec::new();
        for text in chosen.policies {
            links.push(Configured::new(opener.named(text, &chosen.limits()).await?, &chosen.settings)?);
        }
        let mut chain = Self::of_entries(environment, &mut opener).await?;
        chain.links.splice(0..0, links);
        Ok(chain)
    }

    async fn of_entries(environment: Option<Environment>, opener: &mut Opener<'_>) -> Result<Self, Failure> {
        let Some(environment) = environment else { return Ok(Self { links: Vec::new(), waivers: Vec::new() }) };
        for warning in environment.repeated() {
            (opener.note)(&format!("warning: {warning}"));
        }
        let mut links = Vec::new();
        for entry in &environment.policies {
            let policy = opener.open(&entry.module, entry.digest.as_ref(), &entry.limits).await;
            let policy = policy.map_err(|failure| failure.context(format!("{}: {}", entry.place, entry.module)))?;
            links.push(Configured::new(policy, &entry.settings).map_err(|error| wrong_settings(entry, error))?);
        }
        Ok(Self { links, waivers: environment.waivers })
    }

    /// Replaces the policy of the same name, and takes over its settings; a policy of a new name goes first.
    ///
    /// # Errors
    /// When it does not accept the settings.
    pub fn put(&mut self, policy: Arc<Policy>) -> Result<(), Failure> {
        let Some(link) = self.links.iter_mut().find(|link| link.policy().info().name == policy.info().name) else {
            self.links.insert(0, Configured::bare(policy)?);
            return Ok(());
        };
        let settings: Value = serde_json::from_str(link.settings())
            .map_err(|error| Failure::new(Exit::Usage, error).context("settings are not valid JSON"))?;
        *link = Configured::new(policy, &settings)?;
        Ok(())
    }
}

/// The policies of a command line.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// What each is called, as [`Module::parse`] reads it.
    pub policies: &'a [PathBuf],
    /// The settings of each.
    pub settings: Value,
    /// The limits of each, unless they are the usual ones.
    pub limits: Option<&'a GivenLimits>,
    /// Whether policies' folders are built, these and the environment's.
    pub want: Want,
}

impl<'a> Chosen<'a> {
    /// Names no policies: only an environment's are asked.
    pub fn nothing(want: Want) -> Self {
        Self::bare(&[], None, want)
    }

    /// Names policies without settings.
    pub fn bare(policies: &'a [PathBuf], limits: Option<&'a GivenLimits>, want: Want) -> Self {
        Self { policies, settings: Value::Object(Map::new()), limits, want }
    }

    fn limits(&self) -> Limits {
        self.limits.map_or_else(Limits::default, |given| given.limits.clone())
    }

    /// Refuses limits that would change nothing: the built-in policy's are fixed.
    ///
    /// # Errors
    /// Bad usage.
    pub fn limits_apply(&self) -> Result<(), Failure> {
        let has_own = |policy: &PathBuf| policy != Path::new(source::BUILT_IN);
        match self.limits {
            Some(_) if !self.policies.iter().any(has_own) => Err(Failure::usage(
                "--policy-limits is given, but no policy that takes limits is named",
            )
            .hint(
                "an environment's policies have their limits in pvmigrate.yaml; those of the built-in policy are fixed",
            )),
            _ => Ok(()),
        }
    }
}

/// Opens the policy that a command names, as [`Module::parse`] reads it, or that the folder of a policy builds.
///
/// # Errors
/// When it cannot be found or built, or does not load.
pub async fn open(
    policy: &Path,
    limits: Option<&GivenLimits>,
    want: Want,
    note: &Note,
) -> Result<Arc<Policy>, Failure> {
    Opener::new(None, want, note).named(policy, &Chosen::bare(&[], limits, want).limits()).await
}

/// Opens the policy that has this digest, from where it came from before; without a place, the built-in one.
///
/// # Errors
/// When it is gone, or has changed.
pub async fn open_again(
    module: Option<&Path>,
    digest: &str,
    limits: &Limits,
    note: &Note,
) -> Result<Arc<Policy>, Failure> {
    let digest: Digest = digest.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    let module = match module {
        None => Module::BuiltIn,
        Some(module) => Module::parse(module.as_os_str(), Path::new("")).map_err(Failure::usage)?,
    };
    Opener::new(None, Want::Built, note).open(&module, Some(&digest), limits).await
}

/// The means to open policies.
struct Opener<'a> {
    puller: Puller,
    want: Want,
    note: &'a Note,
}

impl<'a> Opener<'a> {
    fn new(environment: Option<&Environment>, want: Want, note: &'a Note) -> Self {
        let folder = environment.and_then(|environment| environment.file.parent()).unwrap_or(Path::new(""));
        Self { puller: Puller::new(&folder.join(LOCK_FILE), false), want, note }
    }

    async fn named(&mut self, policy: &Path, limits: &Limits) -> Result<Arc<Policy>, Failure> {
        let module = Module::parse(policy.as_os_str(), Path::new(""))
            .map_err(|why| Failure::usage(format!("policy {}: {why}", policy.display())))?;
        self.open(&module, None, limits).await
    }

    /// Opens a policy. With a digest, any other policy is refused before it is compiled.
    async fn open(
        &mut self,
        module: &Module,
        digest: Option<&Digest>,
        limits: &Limits,
    ) -> Result<Arc<Policy>, Failure> {
        let wanted = digest.map(Digest::as_str);
        match module {
            Module::BuiltIn => built_in(wanted),
            Module::File { path, digest: own } => {
                let digests: Vec<&str> = wanted.into_iter().chain(own.as_ref().map(Digest::as_str)).collect();
                // A digest is one of a component.
                let want = if digests.is_empty() { self.want } else { Want::Built };
                match project::ready(path, want, &**self.note)? {
                    Ready::Component(file) => Ok(Arc::new(Policy::open_pinned(&file, &digests, limits)?)),
                    source @ Ready::Source { .. } => Ok(Arc::new(source.open(limits)?)),
                }
            }
            Module::Registry(reference) => {
                let pulled = self.puller.get(reference, limits.component_bytes).await?;
                let name = reference.to_string();
                let digests: Vec<&str> = wanted.into_iter().collect();
                Ok(Arc::new(Policy::from_bytes(Path::new(&name), &pulled.bytes, &digests, limits)?))
            }
        }
    }
}

fn built_in(wanted: Option<&str>) -> Result<Arc<Policy>, Failure> {
    let policy = Policy::built_in()?;
    let is = &policy.info().digest;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != is) {
        return Err(Failure::new(
            Exit::PolicyLoad,
            anyhow::anyhow!("the built-in policy has digest {is}, not {wanted}"),
        )
        .hint("use the pvmigrate release with that policy, or review what changed and update the digest"));
    }
    Ok(policy)
}

/// Returns why a policy rejects its settings, with the places in the file.
fn wrong_settings(entry: &Entry, error: SettingsError) -> Failure {
    let SettingsError::Wrong { policy, problems } = error else { return error.into() };
    let line = |problem: &pvmigrate_policy::SettingsProblem| {
        let place = entry.settings_place(&problem.pointer);
        let at = if problem.pointer.is_empty() { String::new() } else { format!(" {}", problem.pointer) };
        format!("{place}: settings{at} of policy {policy}: {}", problem.message)
    };
    let mut lines = problems.iter().map(line);
    let first = lines.next().unwrap_or_else(|| format!("{}: policy {policy} rejects its settings", entry.place));
    let mut failure =
        Failure::usage(first).hint(format!("see the settings it takes: pvmigrate policy schema {}", entry.module));
    failure.notes.extend(lines);
    failure
}
