//! Asks the API server what the account of this run may do, before anything needs it.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::Client;
use pvmigrate_core::policy::Kind;
use pvmigrate_core::text::printable;

use crate::causes::MESSAGE;
use crate::collect;
use crate::error::Error;
use crate::manifest::rbac::Subject;
use crate::permissions::{Need, Permission, permissions, sort_verbs};
use crate::resources::Resources;

/// Reviews that are under way at once. Each may take a connection of its own, and the survey has nine.
const AT_ONCE: usize = 8;

/// One verb on one resource in one place: what one review asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Access {
    group: String,
    resource: String,
    verb: &'static str,
    namespace: Option<String>,
    need: Need,
    without: Option<&'static str>,
}

/// The answer to one review.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Allowed,
    Refused,
    /// Nobody could say, and why.
    Unknown(String),
}

/// What an account may not do.
#[derive(Clone, Debug, Default)]
pub struct Reviewed {
    answers: Vec<(Access, Answer)>,
}

/// Verbs that an account may not use on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource.
    pub resource: String,
    /// The verbs, in RBAC's order.
    pub verbs: Vec<&'static str>,
    /// Where; `None` for the whole cluster.
    pub namespace: Option<String>,
    /// What a run misses without them; `None` where it cannot do without.
    pub without: Option<&'static str>,
}

impl Reviewed {
    /// Returns what is missing for these needs, one entry a resource.
    pub fn missing(&self, needs: &BTreeSet<Need>) -> Vec<Missing> {
        let mut missing: Vec<Missing> = Vec::new();
        let refused = self.answers.iter().filter(|(_, answer)| *answer == Answer::Refused).map(|(access, _)| access);
        for access in refused.filter(|access| needs.contains(&access.need)) {
            let is_same = |known: &&mut Missing| {
                known.group == access.group && known.resource == access.resource && known.without == access.without
            };
            match missing.iter_mut().find(is_same) {
                Some(known) => known.verbs.push(access.verb),
                None => missing.push(Missing {
                    group: access.group.clone(),
                    resource: access.resource.clone(),
                    verbs: vec![access.verb],
                    namespace: access.namespace.clone(),
                    without: access.without,
                }),
            }
        }
        for missing in &mut missing {
            sort_verbs(&mut missing.verbs);
        }
        missing
    }

    /// Tells whether the account may look at everything and change nothing at all, as one made for plans.
    pub fn only_looks(&self, needs: &BTreeSet<Need>) -> bool {
        let needed = self.answers.iter().filter(|(access, _)| needs.contains(&access.need) && access.without.is_none());
        let (looks, changes): (Vec<_>, Vec<_>) = needed.partition(|(access, _)| access.need == Need::Inspect);
        !changes.is_empty()
            && looks.iter().all(|(_, answer)| *answer == Answer::Allowed)
            && changes.iter().all(|(access, answer)| *answer == Answer::Refused || access.verb == "get")
    }

    /// Returns how many of these needs' permissions nobody could judge, and why in the words of the first.
    pub fn unknown(&self, needs: &BTreeSet<Need>) -> Option<(usize, &str)> {
        let mut unknown = self.answers.iter().filter_map(|(access, answer)| match answer {
            Answer::Unknown(why) if needs.contains(&access.need) => Some(why.as_str()),
            _ => None,
        });
        let why = unknown.next()?;
        Some((1 + unknown.count(), why))
    }
}

/// Reviews what the needs and the look-ups of policies take, in one namespace or in all.
///
/// `SelfSubjectRulesReview` would take one request a namespace, but it is incomplete where an authorizer cannot list its
/// rules, and has no answer for all namespaces.
///
/// # Errors
/// When the account may not ask, or the API server cannot be reached.
pub async fn review(
    client: &Client,
    needs: &BTreeSet<Need>,
    looked_up: &[Kind],
    namespace: Option<&str>,
) -> Result<Reviewed, Error> {
    let mut rows: Vec<Permission> = permissions().into_iter().filter(|row| needs.contains(&row.need)).collect();
    for kind in looked_up {
        match collect::permission(client, kind).await {
            Ok(row) => rows.push(row),
            // A kind that does not exist is the collection's finding.
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let asked = stream::iter(accesses(&rows, namespace)).map(async |access| {
        let question = question(&access);
        let answered = Resources::<SelfSubjectAccessReview>::whole(client).ask(&question).await?;
        Ok::<_, Error>((access, answer(answered.status)))
    });
    Ok(Reviewed { answers: asked.buffered(AT_ONCE).try_collect().await? })
}

/// Returns whose account it is; `None` where the API server does not say.
///
/// # Errors
/// When the API server cannot be reached.
pub async fn account(client: &Client) -> Result<Option<Subject>, Error> {
    match Resources::<SelfSubjectReview>::whole(client).ask(&SelfSubjectReview::default()).await {
        Ok(review) => {
            let name = review.status.and_then(|status| status.user_info).and_then(|info| info.username);
            Ok(name.filter(|name| !name.is_empty()).map(|name| Subject::of(&name)))
        }
        // Kubernetes has it since 1.28.
        Err(Error::Forbidden { .. } | Error::NotFound { .. } | Error::Invalid { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns what is to be asked, each once.
fn accesses(rows: &[Permission], namespace: Option<&str>) -> Vec<Access> {
    let mut found: Vec<Access> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        for verb in &row.verbs {
            let place = places.entry((&row.group, &row.resource, verb)).or_insert(found.len());
            match found.get_mut(*place) {
                // A policy looks up what the run can do without.
                Some(known) => known.without = known.without.and(row.without),
                None => found.push(Access {
                    group: row.group.clone(),
                    resource: row.resource.clone(),
                    verb,
                    namespace: namespace.filter(|_| row.namespaced).map(str::to_owned),
                    need: row.need,
                    without: row.without,
                }),
            }
        }
    }
    found
}

fn question(access: &Access) -> SelfSubjectAccessReview {
    let (resource, subresource) = match access.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (access.resource.as_str(), None),
    };
    let attributes = ResourceAttributes {
        group: Some(access.group.clone()),
        namespace: access.namespace.clone(),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(access.verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    SelfSubjectAccessReview { spec, ..Default::default() }
}

/// Reads an answer.
///
/// An error beside `allowed` changes nothing: one authorizer had the answer. Without `allowed` it means that one that might
/// have allowed it could not be asked, and the API server would answer the request itself with 500, not with 403. Only
/// `denied` is final then.
fn answer(status: Option<SubjectAccessReviewStatus>) -> Answer {
    let Some(status) = status else { return Answer::Unknown("the answer is empty".to_owned()) };
    match status.evaluation_error.filter(|error| !error.is_empty()) {
        _ if status.allowed => Answer::Allowed,
        Some(error) if status.denied != Some(true) => Answer::Unknown(printable(&error, MESSAGE)),
        _ => Answer::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::listing;

    const RUN: [Need; 3] = [Need::Inspect, Need::Migrate, Need::DeleteVolumes];

    fn rows(needs: &[Need]) -> Vec<Permission> {
        permissions().into_iter().filter(|row| needs.contains(&row.need)).collect()
    }

    /// Answers what is asked for a run in one namespace.
    fn reviewed(refuses: impl Fn(&Access) -> bool) -> Reviewed {
        let answers = accesses(&rows(&RUN), Some("shop")).into_iter().map(|access| {
            let answer = if refuses(&access) { Answer::Refused } else { Answer::Allowed };
            (access, answer)
        });
        Reviewed { answers: answers.collect() }
    }

    #[test]
    fn each_verb_of_the_table_is_asked_for_once_and_where_rbac_grants_it() {
        let asked = accesses(&rows(&Need::ALL), Some("shop"));
        assert_eq!(asked.len(), permissions().iter().map(|row| row.verbs.len()).sum::<usize>());
        for access in &asked {
            let whole =
                ["storageclasses", "persistentvolumes", "namespaces", "nodes/proxy"].contains(&&*access.resource);
            assert_eq!(access.namespace.as_deref(), (!whole).then_some("shop"), "{access:?}");
        }
        assert!(accesses(&rows(&Need::ALL), None).iter().all(|access| access.namespace.is_none()));
    }

    #[test]
    fn a_subresource_is_asked_for_as_such() {
        let log = accesses(&rows(&RUN), Some("shop")).into_iter().find(|access| access.resource == "pods/log");
        let attributes = log.and_then(|log| question(&log).spec.resource_attributes).unwrap_or_default();
        assert_eq!((attributes.resource.as_deref(), attributes.subresource.as_deref()), (Some("pods"), Some("log")));
        assert_eq!((attributes.verb.as_deref(), attributes.namespace.as_deref()), (Some("get"), Some("shop")));
    }

    #[test]
    fn a_run_cannot_do_without_what_its_policies_look_up() {
        let mut rows = rows(&RUN);
        let without = |rows: &[Permission], verb: &str| {
            let asked = accesses(rows, None).into_iter().filter(|access| access.resource == "namespaces");
            asked.filter(|access| access.verb == verb).map(|access| access.without.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(without(&rows, "list"), [true]);
        rows.push(listing("", "namespaces", false));
        assert_eq!((without(&rows, "list"), without(&rows, "get")), (vec![false], vec![true]));
    }

    #[test]
    fn what_is_missing_is_joined_by_resource_and_only_what_is_needed_counts() {
        let found = reviewed(|access| ["pods", "persistentvolumes"].contains(&&*access.resource));
        let texts = |needs: &[Need]| {
            let missing = found.missing(&needs.iter().copied().collect());
            missing.into_iter().map(|one| (one.resource, one.verbs.join(","), one.namespace)).collect::<Vec<_>>()
        };
        let pods = |verbs: &str| ("pods".to_owned(), verbs.to_owned(), Some("shop".to_owned()));
        let volumes = |verbs: &str| ("persistentvolumes".to_owned(), verbs.to_owned(), None);
        assert_eq!(texts(&[Need::Inspect]), [volumes("list,watch"), pods("list,watch")]);
        assert_eq!(texts(&RUN), [volumes("get,list,watch,patch,delete"), pods("get,list,watch,create,patch,delete")]);
    }

    #[test]
    fn an_error_makes_a_refusal_unknown_unless_it_is_a_denial() {
        let status = |allowed: bool, denied: bool, error: Option<&str>| {
            answer(Some(SubjectAccessReviewStatus {
                allowed,
                denied: Some(denied),
                evaluation_error: error.map(str::to_owned),
                reason: None,
            }))
        };
        assert_eq!(status(true, false, None), Answer::Allowed);
        assert_eq!(status(true, false, Some("webhook: timeout")), Answer::Allowed);
        assert_eq!(status(false, false, None), Answer::Refused);
        assert_eq!(status(false, false, Some("")), Answer::Refused);
        assert_eq!(status(false, true, Some("webhook: timeout")), Answer::Refused);
        assert_eq!(status(false, false, Some("webhook: timeout")), Answer::Unknown("webhook: timeout".to_owned()));
        assert!(matches!(answer(None), Answer::Unknown(_)));
    }

    #[test]
    fn what_nobody_could_judge_is_counted() {
        let mut found = reviewed(|_| false);
        let needs = RUN.into();
        assert_eq!(found.unknown(&needs), None);
        for (_, answer) in found.answers.iter_mut().take(2) {
            *answer = Answer::Unknown("webhook: timeout".to_owned());
        }
        assert_eq!(found.unknown(&needs), Some((2, "webhook: timeout")));
        assert_eq!(found.missing(&needs), []);
    }
}
