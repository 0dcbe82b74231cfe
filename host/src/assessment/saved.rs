//! A question on file, with who judged it and how: what `--save-question` writes and `policy replay` reads.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pvmigrate_core::policy::waiver::{Waived, Waiver};
use pvmigrate_core::policy::{Judgement, PolicyRef, Question};
use pvmigrate_objects::input;
use pvmigrate_policy::{Configured, Limits, Policies, Policy};
use pvmigrate_policy_kit::Note;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Assessment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::policies::chain::{self, Chain};

/// The only version so far.
const API_VERSION: &str = "pvmigrate.dev/question/v1";

/// A question, the policies that were asked, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedQuestion {
    api_version: String,
    /// What was asked.
    pub question: Question,
    /// Who was asked, in order; the built-in policy last.
    pub chain: Vec<SavedPolicy>,
    /// What was waived.
    pub waivers: Vec<Waiver>,
    /// What the policies said; findings that were waived are not among its findings.
    pub judgement: Judgement,
    /// The waived findings.
    pub waived: Vec<Waived>,
}

/// A policy that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPolicy {
    /// Which one, down to its bytes.
    #[serde(flatten)]
    pub policy: PolicyRef,
    /// The file or reference that it came from; absent for the built-in one.
    pub module: Option<PathBuf>,
    /// Its settings.
    pub settings: Value,
    /// What it might use.
    pub limits: Limits,
}

/// Saves what was asked for a plan, if a file is named. When a class is missing, which is the plan's first blocker,
/// nothing was asked.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(file: Option<&Path>, plan: &Plan, policies: &Policies, waivers: &[Waiver]) -> Result<(), Failure> {
    let (Some(file), Some(assessment)) = (file, &plan.assessment) else { return Ok(()) };
    SavedQuestion::of(assessment.clone(), policies, waivers)?.write(file)
}

/// The part of a file that identifies a saved question.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    api_version: String,
}

impl SavedQuestion {
    /// Puts together what is saved of an assessment.
    ///
    /// # Errors
    /// Never in practice: settings are valid JSON.
    pub fn of(assessment: Assessment, policies: &Policies, waivers: &[Waiver]) -> Result<Self, Failure> {
        let chain = policies.chain().map(SavedPolicy::of).collect::<Result<_, _>>()?;
        let Assessment { question, judgement, waived } = assessment;
        let (api_version, waivers) = (API_VERSION.to_owned(), waivers.to_vec());
        Ok(Self { api_version, question, chain, waivers, judgement, waived })
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Usage, error).context(format!("cannot save the question to {}", file.display()))
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        serde_json::to_writer_pretty(&mut new, self).map_err(|error| failed(error.into()))?;
        new.write_all(b"\n").map_err(failed)?;
        new.persist(file).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads a saved question.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = input::text(file)?;
        Self::of_text_if_it_is_one(file, &text)?.ok_or_else(|| {
            Failure::usage(format!("{} is not a saved question", file.display()))
                .hint("--save-question of plan or migrate writes one; for Kubernetes objects: pvmigrate policy run --snapshot")
        })
    }

    /// Reads the text of a file if it is a saved question; `None` for any other text.
    ///
    /// # Errors
    /// When it is not a valid saved question.
    pub fn of_text_if_it_is_one(file: &Path, text: &str) -> Result<Option<Self>, Failure> {
        let failed = |what: &str, error: anyhow::Error| {
            Failure::new(Exit::Usage, error).context(format!("{} {what}", file.display()))
        };
        let header = serde_json::from_str::<Header>(text).ok();
        let Some(header) = header.filter(|header| header.api_version.starts_with("pvmigrate.dev/question/")) else {
            return Ok(None);
        };
        if header.api_version != API_VERSION {
            let what = format!("it has version {}, this pvmigrate reads {API_VERSION}", header.api_version);
            return Err(failed("is a saved question of an unsupported version", anyhow::anyhow!(what)));
        }
        let saved = serde_json::from_str(text);
        saved.map(Some).map_err(|error| failed("is not a valid saved question", error.into()))
    }

    /// Returns what was found when it was saved.
    pub fn assessment(&self) -> Assessment {
        Assessment { question: self.question.clone(), judgement: self.judgement.clone(), waived: self.waived.clone() }
    }

    /// Opens the policies that were asked. Each of `given` replaces the saved one with the same bytes or the same name,
    /// and gets its settings; the others are asked first.
    ///
    /// # Errors
    /// When a saved policy cannot be found any more, or a given one rejects the settings.
    pub async fn policies(&self, mut given: Vec<Arc<Policy>>, note: &Note) -> Result<Policies, Failure> {
        let mut links = Vec::new();
        for saved in &self.chain {
            let same = |policy: &Arc<Policy>| policy.info().digest == saved.policy.digest;
            let alike = |policy: &Arc<Policy>| policy.info().name == saved.policy.name;
            let at = given.iter().position(same).or_else(|| given.iter().position(alike));
            let policy = match at {
                Some(at) => given.remove(at),
                None => saved.open(note).await?,
            };
            links.push(Configured::new(policy, &saved.settings)?);
        }
        let mut chain = Chain { links, waivers: Vec::new() };
        for policy in given.into_iter().rev() {
            chain.put(policy)?;
        }
        Ok(Policies::new(chain.links)?)
    }
}

impl SavedPolicy {
    fn of(link: &Configured) -> Result<Self, Failure> {
        let settings = serde_json::from_str(link.settings())
            .map_err(|error| Failure::new(Exit::Usage, error).context("settings are not valid JSON"))?;
        let (policy, info) = (link.policy().reference(), link.policy().info());
        Ok(Self { policy, module: info.file.clone(), settings, limits: info.limits.clone() })
    }

    async fn open(&self, note: &Note) -> Result<Arc<Policy>, Failure> {
        let found = chain::open_again(self.module.as_deref(), &self.policy.digest, &self.limits, note).await;
        found.map_err(|failure| {
            let PolicyRef { name, digest, .. } = &self.policy;
            failure
                .context(format!("cannot find policy {} ({digest}), which judged the saved question", self.policy))
                .hint(format!("give that file, or another policy {name} to use in its place: --policy FILE"))
        })
    }
}
