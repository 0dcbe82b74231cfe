//! An assessment: what a chain of policies says about one question, with what is waived set apart.
//!
//! The question may come from a cluster ([`crate::plan`]), from objects on disk or from a file that an earlier run saved
//! ([`snapshot`], [`saved`]); from there on nothing depends on that. Nothing is shown here.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pvmigrate_core::policy::changes::Changes;
use pvmigrate_core::policy::waiver::{self, Waived, Waiver};
use pvmigrate_core::policy::{
    About, Judged, Judgement, LeftOut, Planned, Question, Verdict, Volume, Warning, left_out,
};
use pvmigrate_policy::{Policies, PolicyFailure};
use pvmigrate_yaml::did_you_mean;

use crate::failure::Failure;

pub mod saved;
pub mod snapshot;

/// A question, and what the policies made of it.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// What was asked.
    pub question: Question,
    /// What the policies said; findings that are waived are not among its findings.
    pub judgement: Judgement,
    /// The waived findings.
    pub waived: Vec<Waived>,
}

impl Assessment {
    /// Asks the policies.
    ///
    /// # Errors
    /// When a policy fails or cannot decide.
    pub fn of(question: Question, policies: &Policies, waivers: &[Waiver]) -> Result<Self, PolicyFailure> {
        let mut judgement = policies.judge(&question, &Planned::of)?;
        let now = i64::try_from(question.request.now).ok().and_then(|now| Timestamp::from_second(now).ok());
        let waived = waive(&mut judgement, waivers, now.unwrap_or(Timestamp::MAX));
        Ok(Self { question, judgement, waived })
    }

    /// Returns the claims of the class to migrate from that do not move, and why.
    pub fn left_out(&self) -> Vec<LeftOut<'_>> {
        left_out(&self.question.request, &self.judgement)
    }

    /// Returns what differs in another assessment.
    pub fn changes<'a>(&'a self, new: &'a Self) -> Changes<'a> {
        Changes::between((&self.judgement, &self.waived), (&new.judgement, &new.waived))
    }

    /// Finds a claim by `namespace/name`.
    ///
    /// # Errors
    /// When there is no such claim, with the nearest name.
    pub fn claim(&self, claim: &str) -> Result<Traced<'_>, Failure> {
        let mut pairs = self.question.request.volumes.iter().zip(&self.judgement.verdicts);
        if let Some((volume, verdict)) = pairs.find(|(volume, _)| volume.claim() == claim) {
            return Ok(Traced { assessment: self, volume, verdict });
        }
        let known: Vec<String> = self.question.request.volumes.iter().map(Volume::claim).collect();
        let near = did_you_mean(claim, known.iter().map(String::as_str));
        let namespaced = if claim.contains('/') { "" } else { "; write NAMESPACE/NAME" };
        let count = known.len();
        Err(Failure::usage(format!("claim {claim} not found in the snapshot{near}{namespaced}"))
            .hint(format!("list all {count} claims with: pvmigrate policy run")))
    }
}

/// One claim of an assessment.
#[derive(Clone, Copy, Debug)]
pub struct Traced<'a> {
    /// All that was judged.
    pub assessment: &'a Assessment,
    /// The claim.
    pub volume: &'a Volume,
    /// What was decided about it.
    pub verdict: &'a Verdict,
}

impl<'a> Traced<'a> {
    /// Returns the findings about this claim that count.
    pub fn findings(&self) -> impl Iterator<Item = &'a Judged> + use<'a> {
        let about = self.about();
        self.assessment.judgement.findings.iter().filter(move |finding| finding.about == about)
    }

    /// Returns the findings about this claim that are waived.
    pub fn waived(&self) -> Vec<Waived> {
        let about = self.about();
        self.assessment.waived.iter().filter(|waived| waived.finding.about == about).cloned().collect()
    }

    /// Returns the warnings about this claim.
    pub fn warnings(&self) -> impl Iterator<Item = &'a Warning> + use<'a> {
        let about = self.about();
        self.assessment.judgement.warnings.iter().filter(move |warning| warning.about == about)
    }

    /// Returns what findings about this claim are about: [`About::Claim`].
    pub fn about(&self) -> About {
        About::Claim { namespace: self.volume.namespace.clone(), name: self.volume.name.clone() }
    }
}

/// Takes out what the environment accepts today, and warns of waivers that do nothing.
pub fn waive(judgement: &mut Judgement, waivers: &[Waiver], now: Timestamp) -> Vec<Waived> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let applied = waiver::apply(waivers, std::mem::take(&mut judgement.findings), today);
    judgement.findings = applied.findings;
    judgement.warnings.extend(applied.warnings);
    applied.waived
}
