//! The survey of the cluster, what the account may do there, and the plan made from both, without a write.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pvmigrate_core::policy::Collected;
use pvmigrate_core::survey::{Scope, Survey};
use pvmigrate_policy::{Policies, PolicyFailure};

use super::permissions::{self, Found};
use super::retry::retrying;
use crate::failure::Failure;
use crate::options::Options;
use crate::plan::Plan;

/// How often, and with what pause between, the cluster is looked at before a plan is made of an unsettled state.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Surveys the cluster, asks what the account may do there, and plans, without a write.
///
/// An account that may not even look gets a plan of nothing but the permissions that it lacks, all of them.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails.
pub async fn plan(client: &kube::Client, policies: &Policies, options: &Options) -> Result<(Survey, Plan), Failure> {
    let (read, reviewed) =
        futures::join!(read(client, policies, options), permissions::review(client, policies, options));
    let (survey, mut plan) = match read {
        Ok((survey, collected)) => {
            let plan = planned(&survey, collected, policies, options)?;
            (survey, plan)
        }
        Err(error) if error.is_forbidden() => {
            let Found { blockers, notes, .. } = permissions::found(client, &reviewed, None, options).await;
            if blockers.is_empty() {
                return Err(error.into());
            }
            let refused = Some(error.to_string());
            let plan = Plan { blockers, permission_notes: notes, refused, ..Plan::default() };
            return Ok((Survey::default(), plan));
        }
        Err(error) => return Err(error.into()),
    };
    let Found { blockers, only_looks, notes } = permissions::found(client, &reviewed, Some(&plan), options).await;
    plan.blockers.extend(blockers);
    (plan.permission_notes, plan.only_looks) = (notes, only_looks);
    Ok((survey, plan))
}

/// Surveys the cluster and plans again, later in a run whose permissions have been reviewed.
///
/// # Errors
/// As [`plan`].
pub(super) async fn replan(
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
) -> Result<(Survey, Plan), Failure> {
    let (survey, collected) = read(client, policies, options).await?;
    let plan = planned(&survey, collected, policies, options)?;
    Ok((survey, plan))
}

/// Reads everything that a plan is made from.
async fn read(
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
) -> Result<(Survey, Collected), pvmigrate_cluster::Error> {
    let scope = options.scope();
    let needs = policies.needs();
    let (mut survey, collected) = futures::try_join!(
        settled_survey(client, &scope),
        retrying(|| pvmigrate_cluster::collect(client, &needs, options.namespace.as_deref())),
    )?;
    // The built-in policy does not look at it.
    if policies.chain().nth(1).is_some() {
        pvmigrate_cluster::fill_used_bytes(client, &mut survey).await;
    }
    Ok((survey, collected))
}

/// Surveys the cluster; once more while a claim that was just made anew waits for its volume, because which volume it gets
/// decides what becomes of it. A claim that nobody uses may wait for ever, so not for long.
async fn settled_survey(client: &kube::Client, scope: &Scope) -> Result<Survey, pvmigrate_cluster::Error> {
    for _ in 1..LOOKS {
        let survey = retrying(|| pvmigrate_cluster::survey(client, scope)).await?;
        if !survey.is_unsettled() {
            return Ok(survey);
        }
        tracing::debug!("a claim that was made anew has no volume yet: looking again");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    retrying(|| pvmigrate_cluster::survey(client, scope)).await
}

fn planned(
    survey: &Survey,
    collected: Collected,
    policies: &Policies,
    options: &Options,
) -> Result<Plan, PolicyFailure> {
    Plan::new(survey, Arc::new(collected), policies, options, Timestamp::now())
}
