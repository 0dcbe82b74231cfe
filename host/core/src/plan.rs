//! The pure part of a plan: which groups a run would move, what each would do, and what keeps them from starting.
//!
//! The part that is not pure, asking the policies, comes between [`request`] and [`groups`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::blocker::{Blocker, Code};
use crate::eligibility;
use crate::forecast::{Forecast, forecast};
use crate::group::{self, Group};
use crate::observation::{Claim, ClaimSeen, Holder, Observation, Volume, WorkloadSeen};
use crate::policy::{About, Decider, Judged, Judgement, Pairs, Request, facts};
use crate::reach::Reach;
use crate::record::{ClaimRecord, MigrationOptions, Record, Uid, Version, WorkloadRef};
use crate::survey::{ClaimId, Scope, Survey};

/// One new group, and what its migration would do.
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

/// A claim template that makes claims of the class that was migrated from: new replicas would have volumes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleTemplate {
    /// The namespace of the StatefulSet.
    pub namespace: String,
    /// The StatefulSet's name.
    pub stateful_set: String,
    /// The template's name.
    pub template: String,
    /// Whether it names the class; else it is left to the default class, which is that one.
    pub names_class: bool,
}

/// Finds the templates of workloads whose claims move that still make claims of the source class. The default class counts
/// unless the run moves it (`sets_default`).
pub fn stale_templates<'a>(
    survey: &Survey,
    moving: impl IntoIterator<Item = &'a Record>,
    scope: &Scope,
    sets_default: bool,
) -> Vec<StaleTemplate> {
    let stopped: BTreeSet<(&str, &WorkloadRef)> = moving
        .into_iter()
        .flat_map(|record| record.workloads.iter().map(|workload| (record.namespace.as_str(), &workload.workload)))
        .collect();
    let of_default = !sets_default && survey.default_class.as_ref() == Some(&scope.source_class);
    let workloads =
        survey.workloads.iter().filter(|facts| stopped.contains(&(facts.namespace.as_str(), &facts.workload)));
    let stale = workloads.flat_map(|facts| {
        let stale = facts.templates.iter().filter(move |(_, class)| match class {
            Some(class) => *class == scope.source_class,
            None => of_default,
        });
        stale.map(|(template, class)| StaleTemplate {
            namespace: facts.namespace.clone(),
            stateful_set: facts.workload.name.clone(),
            template: template.clone(),
            names_class: class.is_some(),
        })
    });
    stale.collect()
}

/// Returns the migrations of this scope that an earlier run started and did not end.
pub fn resumed(survey: &Survey, scope: &Scope) -> Vec<Record> {
    let is_ours = |record: &&Record| {
        record.is_open()
            && record.asked.source_class == scope.source_class
            && record.asked.dest_class == scope.dest_class
            && scope.namespace.as_ref().is_none_or(|namespace| *namespace == record.namespace)
    };
    survey.records.iter().filter(is_ours).cloned().collect()
}

/// Reports classes that do not exist, and a source that is the destination.
pub fn class_blockers(survey: &Survey, scope: &Scope) -> Vec<Blocker> {
    let (source, dest) = (&scope.source_class, &scope.dest_class);
    let known: Vec<&str> = survey.classes.keys().map(String::as_str).collect();
    let missing = |class: &str, hint: &str| Blocker {
        code: Code::NoSuchClass,
        cause: None,
        about: format!("StorageClass {class}"),
        message: format!(
            "it does not exist; existing classes: {}",
            if known.is_empty() { "none".into() } else { known.join(", ") }
        ),
        hint: hint.to_owned(),
    };
    let mut found = Vec::new();
    if !survey.classes.contains_key(dest) {
        found.push(missing(dest, "create it, or give another --dest-sc"));
    }
    if !survey.classes.contains_key(source) && !scope.skip_source_validation {
        let hint = "give another --source-sc, or --skip-source-validation if it was deleted and its volumes remain";
        found.push(missing(source, hint));
    }
    if source == dest {
        found.push(Blocker {
            code: Code::SameClass,
            cause: None,
            about: format!("StorageClass {source}"),
            message: "it is both the source and the destination".to_owned(),
            hint: "give two different classes".to_owned(),
        });
    }
    found
}

/// Builds the question for the policies; `None` when the destination class does not exist.
pub fn request(survey: &Survey, scope: &Scope, environment: &str, now: Timestamp) -> Option<Request> {
    let target = survey.classes.get(&scope.dest_class)?.clone();
    let mut facts = Pairs::from([(facts::SOURCE_CLASS.to_owned(), scope.source_class.clone())]);
    if let Some(namespace) = &scope.namespace {
        facts.insert(facts::NAMESPACE.to_owned(), namespace.clone());
    }
    if scope.skip_source_validation {
        facts.insert(facts::SKIP_SOURCE_VALIDATION.to_owned(), facts::TRUE.to_owned());
    }
    Some(Request {
        environment: environment.to_owned(),
        now: u64::try_from(now.as_second()).unwrap_or(0),
        source: survey.classes.get(&scope.source_class).cloned(),
        target,
        volumes: survey.volumes.clone(),
        facts,
    })
}

/// Reports the findings of the policies that keep groups from starting: each with the group that it is about, or none if
/// it is about all.
pub fn policy_blockers<'a>(
    judgement: &'a Judgement,
    groups: &'a [PlannedGroup],
) -> impl Iterator<Item = (Option<usize>, Blocker)> + 'a {
    judgement.blockers().map(|finding| (concerned(&finding.about, groups), policy_blocker(finding)))
}

/// Finds the group of a claim, or the one group of a namespace.
fn concerned(about: &About, groups: &[PlannedGroup]) -> Option<usize> {
    match about {
        About::Plan => None,
        About::Claim { namespace, name } => groups
            .iter()
            .position(|PlannedGroup { group, .. }| group.namespace == *namespace && group.claims.contains(name)),
        About::Object(object) => {
            let mut here =
                (0..groups.len()).filter(|at| object.namespace.as_ref() == Some(&groups[*at].group.namespace));
            here.next().filter(|_| here.next().is_none())
        }
    }
}

fn policy_blocker(finding: &Judged) -> Blocker {
    Blocker {
        code: Code::PolicyBlocker,
        cause: None,
        about: match &finding.about {
            About::Claim { namespace, name } => format!("claim {namespace}/{name}"),
            About::Plan | About::Object(_) => finding.about.to_string(),
        },
        message: match &finding.by {
            Decider::Host => format!("{} ({})", finding.message, finding.code),
            Decider::Policy(policy) => format!("{} ({} of policy {policy})", finding.message, finding.code),
        },
        hint: finding.remedy.clone().unwrap_or_else(|| "change what the policy objects to, or the policy".to_owned()),
    }
}

/// Plans the new groups, in order of namespace and name.
pub fn groups(
    survey: &Survey,
    judgement: &Judgement,
    scope: &Scope,
    asked: &MigrationOptions,
    now: Timestamp,
) -> Vec<PlannedGroup> {
    let moving = moving(survey, judgement, scope);
    let groups = group::connect(survey, &moving).into_iter().map(|group| {
        let record = group.begin(survey, judgement, asked.clone(), now);
        let blockers = eligibility::blockers(survey, &group);
        let forecast = forecast(&record, &first_observation(&record, survey, now), now);
        PlannedGroup { group, record, blockers, forecast }
    });
    groups.collect()
}

/// Returns the claims that move: those the policies selected and those the reference tool left halfway, without any that
/// a migration under way has already.
fn moving(survey: &Survey, judgement: &Judgement, scope: &Scope) -> BTreeSet<ClaimId> {
    let selected = judgement
        .selected()
        .map(|verdict| ClaimId { namespace: verdict.namespace.clone(), name: verdict.name.clone() });
    let in_scope = |id: &ClaimId| scope.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace);
    let halfway = group::interrupted(survey).into_keys().filter(in_scope);
    selected.chain(halfway).filter(|id| survey.open_record(id).is_none()).collect()
}

/// Imagines the first observation of a new group from the survey: close enough to forecast from, never acted upon.
fn first_observation(record: &Record, survey: &Survey, now: Timestamp) -> Observation {
    let mut seen = Observation::default();
    for (name, claim) in &record.claims {
        seen.claims.insert(name.clone(), first_claim(record, name, claim, survey, now));
    }
    for facts in survey.workloads.iter().filter(|facts| facts.namespace == record.namespace) {
        if record.workloads.iter().any(|recorded| recorded.workload == facts.workload) {
            let (replicas, mark) = (facts.replicas, facts.mark);
            let workload = WorkloadSeen {
                uid: Uid(format!("uid of {}", facts.workload)),
                version: Version(String::new()),
                replicas,
                mark,
                pods: replicas,
                ready: replicas,
                trouble: None,
            };
            seen.workloads.insert(facts.workload.clone(), workload);
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
        reach: Reach::default(),
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
