//! The plan: which groups would run, in which order, and what keeps them from running. Pure but for asking the policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use pvmigrate_cluster::RecordStore;
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::eligibility;
use pvmigrate_core::forecast::{Forecast, forecast};
use pvmigrate_core::group::{self, Group};
use pvmigrate_core::observation::{Claim, ClaimSeen, Holder, Observation, Volume, WorkloadSeen};
use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{About, Collected, Judgement, Pairs, Question, Request, facts};
use pvmigrate_core::record::{ClaimRecord, Record, Uid, Version};
use pvmigrate_core::survey::{ClaimId, Survey};
use pvmigrate_policy::{Policies, PolicyFailure};

use crate::look::Look;
use crate::options::Options;

/// Holds what a run would do.
#[derive(Debug)]
pub struct Plan {
    /// Migrations that an earlier run began; they run first, whatever else is found.
    pub resumed: Vec<Record>,
    /// New groups, in order of namespace and name.
    pub groups: Vec<PlannedGroup>,
    /// What keeps every new group from starting: classes that do not exist, and policies that say no.
    pub blockers: Vec<Blocker>,
    /// What the policies were asked and said; absent when the classes are not there to ask about.
    pub look: Option<Look>,
    /// Volumes of the source class without a claim, left alone.
    pub unclaimed: Vec<String>,
}

/// Holds one new group.
#[derive(Debug)]
pub struct PlannedGroup {
    /// Its claims and workloads.
    pub group: Group,
    /// The record its migration would begin with.
    pub record: Record,
    /// What keeps it from starting.
    pub blockers: Vec<Blocker>,
    /// What it would do.
    pub forecast: Forecast,
}

impl Plan {
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
        let resumed = resumed(survey, options);
        let mut blockers = classes(survey, options);
        let unclaimed = survey.unclaimed.clone();
        let Some(request) = request(survey, options, now).filter(|_| blockers.is_empty()) else {
            return Ok(Self { resumed, groups: Vec::new(), blockers, look: None, unclaimed });
        };
        let look = Look::at(Question { request, collected }, policies, &options.waivers)?;
        let Look { question, judgement, .. } = &look;
        blockers.extend(judgement.blockers().map(|finding| Blocker {
            code: Code::PolicyBlocker,
            about: match &finding.about {
                About::Claim { namespace, name } => format!("claim {namespace}/{name}"),
                About::Plan | About::Object(_) => finding.about.to_string(),
            },
            message: format!("{} ({} of policy {})", finding.message, finding.code, finding.by),
            hint:
                finding.remedy.clone().unwrap_or_else(|| "change what the policy objects to, or the policy".to_owned()),
        }));
        let moving = moving(survey, judgement, options);
        let asked = options.asked(question.request.target.binding_mode == "WaitForFirstConsumer");
        let groups = group::connect(survey, &moving).into_iter().map(|group| {
            let record = group.begin(survey, judgement, asked.clone(), now);
            let mut blockers = eligibility::blockers(survey, &group);
            blockers.extend(too_large(&record));
            let forecast = forecast(&record, &first_look(&record, survey, now), now);
            PlannedGroup { group, record, blockers, forecast }
        });
        let groups = groups.collect();
        Ok(Self { resumed, groups, blockers, look: Some(look), unclaimed })
    }

    /// Returns what the policies said, if they were asked.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.look.as_ref().map(|look| &look.judgement)
    }

    /// Returns what the policies found and the environment accepts for a while.
    pub fn waived(&self) -> &[Waived] {
        self.look.as_ref().map_or(&[], |look| &look.waived)
    }

    /// Returns everything that keeps new groups from starting.
    pub fn all_blockers(&self) -> impl Iterator<Item = &Blocker> {
        self.blockers.iter().chain(self.groups.iter().flat_map(|group| &group.blockers))
    }

    /// Tells whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        self.resumed.is_empty() && self.groups.is_empty() && self.blockers.is_empty()
    }
}

/// Builds the question for the policies; `None` when the destination class does not exist.
pub fn request(survey: &Survey, options: &Options, now: Timestamp) -> Option<Request> {
    let target = survey.classes.get(&options.dest_class)?.clone();
    let mut facts = Pairs::from([(facts::SOURCE_CLASS.to_owned(), options.source_class.clone())]);
    if let Some(namespace) = &options.namespace {
        facts.insert(facts::NAMESPACE.to_owned(), namespace.clone());
    }
    if options.skip_source_validation {
        facts.insert(facts::SKIP_SOURCE_VALIDATION.to_owned(), facts::TRUE.to_owned());
    }
    Some(Request {
        environment: options.environment.clone(),
        now: u64::try_from(now.as_second()).unwrap_or(0),
        source: survey.classes.get(&options.source_class).cloned(),
        target,
        volumes: survey.volumes.clone(),
        facts,
    })
}

/// A record that would not fit is found now, not when the workload is down.
fn too_large(record: &Record) -> Option<Blocker> {
    let error = RecordStore::check_size(record).err()?;
    Some(Blocker {
        code: Code::RecordTooLarge,
        about: format!("group {}/{}", record.namespace, record.name),
        message: error.to_string(),
        hint: "migrate its claims in parts: leave some out with a policy, or shorten their annotations".to_owned(),
    })
}

fn resumed(survey: &Survey, options: &Options) -> Vec<Record> {
    let is_ours = |record: &&Record| {
        record.is_open()
            && record.asked.source_class == options.source_class
            && record.asked.dest_class == options.dest_class
            && options.namespace.as_ref().is_none_or(|namespace| *namespace == record.namespace)
    };
    survey.records.iter().filter(is_ours).cloned().collect()
}

fn classes(survey: &Survey, options: &Options) -> Vec<Blocker> {
    let (source, dest) = (&options.source_class, &options.dest_class);
    let known: Vec<&str> = survey.classes.keys().map(String::as_str).collect();
    let missing = |class: &str, hint: &str| Blocker {
        code: Code::NoSuchClass,
        about: format!("StorageClass {class}"),
        message: format!(
            "it does not exist; there are: {}",
            if known.is_empty() { "none".into() } else { known.join(", ") }
        ),
        hint: hint.to_owned(),
    };
    let mut found = Vec::new();
    if !survey.classes.contains_key(dest) {
        found.push(missing(dest, "create it, or give another --dest-sc"));
    }
    if !survey.classes.contains_key(source) && !options.skip_source_validation {
        let hint = "give another --source-sc, or --skip-source-validation if it was deleted and its volumes remain";
        found.push(missing(source, hint));
    }
    if source == dest {
        found.push(Blocker {
            code: Code::SameClass,
            about: format!("StorageClass {source}"),
            message: "it is given as the source and as the destination".to_owned(),
            hint: "give two different classes".to_owned(),
        });
    }
    found
}

/// Returns the claims that move: those the policies selected and those the reference tool left halfway, without any that
/// a migration under way has already.
fn moving(survey: &Survey, judgement: &Judgement, options: &Options) -> BTreeSet<ClaimId> {
    let selected = judgement
        .selected()
        .map(|verdict| ClaimId { namespace: verdict.namespace.clone(), name: verdict.name.clone() });
    let in_scope = |id: &ClaimId| options.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace);
    let halfway = group::interrupted(survey).into_keys().filter(in_scope);
    selected.chain(halfway).filter(|id| survey.open_record(id).is_none()).collect()
}

/// Imagines the first observation of a new group from the survey: close enough to forecast from, never acted upon.
pub fn first_look(record: &Record, survey: &Survey, now: Timestamp) -> Observation {
    let mut seen = Observation::default();
    for (name, claim) in &record.claims {
        seen.claims.insert(name.clone(), first_claim(record, name, claim, survey, now));
    }
    for facts in survey.workloads.iter().filter(|facts| facts.namespace == record.namespace) {
        if record.workloads.iter().any(|recorded| recorded.workload == facts.workload) {
            let (replicas, mark) = (facts.replicas, facts.mark);
            let look = WorkloadSeen {
                uid: Uid(format!("uid of {}", facts.workload)),
                version: Version(String::new()),
                replicas,
                mark,
                pods: replicas,
                ready: replicas,
                trouble: None,
            };
            seen.workloads.insert(facts.workload.clone(), look);
        }
    }
    seen
}

fn first_claim(record: &Record, name: &str, claim: &ClaimRecord, survey: &Survey, now: Timestamp) -> ClaimSeen {
    let id = ClaimId { namespace: record.namespace.clone(), name: name.to_owned() };
    let facts = survey.claims.get(&id);
    let volume = |name: &str, reclaim: &str, phase: &str| Volume {
        name: name.to_owned(),
        uid: Uid(format!("uid of {name}")),
        version: Version(String::new()),
        reclaim: reclaim.to_owned(),
        holder: facts.map(|facts| Holder {
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            uid: Some(facts.uid.clone()),
        }),
        phase: phase.to_owned(),
        terminating: None,
    };
    let named = facts.map(|facts| Claim {
        uid: facts.uid.clone(),
        version: Version(String::new()),
        volume: facts.volume.as_ref().map(|volume| volume.name.clone()),
        bound: facts.volume.is_some(),
        placed: false,
        terminating: facts.terminating,
        run: None,
        touched: None,
        made_by_set: false,
        complete: true,
        fits: false,
        created: now,
        trouble: None,
    });
    let source = facts.and_then(|facts| facts.volume.as_ref());
    ClaimSeen {
        named,
        source_volume: source
            .filter(|source| source.name == claim.source.name)
            .map(|source| volume(&source.name, &source.reclaim, "Bound")),
        destination_volume: claim
            .destination
            .as_ref()
            .map(|destination| volume(&destination.name, &destination.reclaim, "Released")),
        ..ClaimSeen::default()
    }
}
