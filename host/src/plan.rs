//! The plan: which groups would run, in which order, and what keeps them from running. All of it but asking the policies is
//! pure and in [`pvmigrate_core::plan`].

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use pvmigrate_cluster::RecordStore;
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::plan::{self, PlannedGroup, StaleTemplate};
use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{Collected, Judgement, LeftOut, Question};
use pvmigrate_core::record::Record;
use pvmigrate_core::static_class;
use pvmigrate_core::survey::{Survey, Unclaimed};
use pvmigrate_policy::{Policies, PolicyFailure};

use crate::assessment::Assessment;
use crate::options::Options;

/// The plan of a run.
#[derive(Debug, Default)]
pub struct Plan {
    /// Migrations that an earlier run started; they run first, whatever else is found.
    pub resumed: Vec<Record>,
    /// New groups, in order of namespace and name.
    pub groups: Vec<PlannedGroup>,
    /// What keeps every new group from starting: classes that do not exist, policies that say no to all of it, and
    /// permissions that the account lacks.
    pub blockers: Vec<Blocker>,
    /// Permissions that the run can do without, and those that could not be checked, in words.
    pub permission_notes: Vec<String>,
    /// For an account that may look and nothing else: what to say where looking is all that is wanted.
    pub only_looks: Option<String>,
    /// What the API server said when it refused to show the cluster; nothing is planned then.
    pub refused: Option<String>,
    /// What the policies were asked and said; `None` when the classes are not there to ask about.
    pub assessment: Option<Assessment>,
    /// Volumes of the source class without a claim, left alone.
    pub unclaimed: Vec<Unclaimed>,
    /// Claim templates that will go on making claims of the source class.
    pub stale_templates: Vec<StaleTemplate>,
}

impl Plan {
    /// Returns the plan for somebody who does not mean to migrate with this account: where it is one that may only look, that is
    /// a note, and no finding.
    #[must_use]
    pub fn for_looking(mut self) -> Self {
        if let Some(note) = self.only_looks.take() {
            self.blockers.retain(|blocker| blocker.code != Code::MissingPermission);
            self.permission_notes.push(note);
        }
        self
    }

    /// Plans from a survey.
    ///
    /// # Errors
    /// [`PolicyFailure`] when a policy fails or cannot decide; nothing may be migrated then.
    pub fn new(
        survey: &Survey,
        collected: Arc<Collected>,
        policies: &Policies,
        options: &Options,
        now: Timestamp,
    ) -> Result<Self, PolicyFailure> {
        let scope = options.scope();
        let resumed = plan::resumed(survey, &scope);
        let mut blockers = plan::class_blockers(survey, &scope);
        let unclaimed = survey.unclaimed.clone();
        let request = plan::request(survey, &scope, &options.environment, now);
        let Some(request) = request.filter(|_| blockers.is_empty()) else {
            let stale_templates = plan::stale_templates(survey, &resumed, &scope, options.set_defaults);
            return Ok(Self { resumed, blockers, unclaimed, stale_templates, ..Self::default() });
        };
        let assessment = Assessment::of(Question { request, collected }, policies, &options.waivers)?;
        let Assessment { question, judgement, .. } = &assessment;
        let asked = options.asked(question.request.target.binding_mode == "WaitForFirstConsumer");
        let mut groups = plan::groups(survey, judgement, &scope, &asked, now);
        let records: Vec<&Record> = groups.iter().map(|group| &group.record).collect();
        let unmet = static_class::blockers(survey, &scope.dest_class, &records);
        for (group, unmet) in groups.iter_mut().zip(unmet) {
            group.blockers.extend(too_large(&group.record).into_iter().chain(unmet));
        }
        let found: Vec<_> = plan::policy_blockers(judgement, &groups).collect();
        for (group, blocker) in found {
            group.map_or(&mut blockers, |at| &mut groups[at].blockers).push(blocker);
        }
        let records = resumed.iter().chain(groups.iter().map(|group| &group.record));
        let stale_templates = plan::stale_templates(survey, records, &scope, options.set_defaults);
        let assessment = Some(assessment);
        Ok(Self { resumed, groups, blockers, assessment, unclaimed, stale_templates, ..Self::default() })
    }

    /// Returns the claims of the source class that do not move, and why.
    pub fn left_out(&self) -> Vec<LeftOut<'_>> {
        self.assessment.as_ref().map_or_else(Vec::new, Assessment::left_out)
    }

    /// Returns what the policies said, if they were asked.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.assessment.as_ref().map(|assessment| &assessment.judgement)
    }

    /// Returns what the policies found and the environment accepts for a while.
    pub fn waived(&self) -> &[Waived] {
        self.assessment.as_ref().map_or(&[], |assessment| &assessment.waived)
    }

    /// Returns everything that keeps new groups from starting, each once.
    pub fn all_blockers(&self) -> Vec<Blocker> {
        let mut seen = HashSet::new();
        let all = self.blockers.iter().chain(self.groups.iter().flat_map(|group| &group.blockers));
        all.filter(|blocker| seen.insert(*blocker)).cloned().collect()
    }

    /// Returns the new groups of which nothing is known that keeps them from starting.
    pub fn unblocked(&self) -> impl Iterator<Item = &PlannedGroup> {
        self.groups.iter().filter(|group| group.blockers.is_empty())
    }

    /// Returns the new groups that may start: all or none, or with `skip_blocked` those that nothing keeps from it.
    pub fn startable(&self, skip_blocked: bool) -> impl Iterator<Item = &PlannedGroup> {
        let is_all = self.unblocked().count() == self.groups.len();
        let may_start = self.blockers.is_empty() && (skip_blocked || is_all);
        self.unblocked().filter(move |_| may_start)
    }

    /// Returns whether the account lacks permissions that the run needs.
    pub fn lacks_permissions(&self) -> bool {
        self.blockers.iter().any(|blocker| blocker.code == Code::MissingPermission)
    }

    /// Returns whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        self.resumed.is_empty() && self.groups.is_empty() && self.blockers.is_empty()
    }
}

/// Returns a blocker for a record that would not fit: found now, not when the workload is down.
fn too_large(record: &Record) -> Option<Blocker> {
    let error = RecordStore::check_size(record).err()?;
    Some(Blocker {
        code: Code::RecordTooLarge,
        cause: None,
        about: format!("group {}/{}", record.namespace, record.name),
        message: error.to_string(),
        hint: "migrate its claims in parts: leave some out with a policy, or shorten their annotations".to_owned(),
    })
}
