//! The survey of the cluster and the plan made from it, without a write.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pvmigrate_core::survey::{Scope, Survey};
use pvmigrate_policy::Policies;

use super::retry::retrying;
use crate::failure::Failure;
use crate::options::Options;
use crate::plan::Plan;

/// How often, and with what pause between, the cluster is looked at before a plan is made of an unsettled state.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Surveys the cluster and plans, without a write.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails.
pub async fn plan(client: &kube::Client, policies: &Policies, options: &Options) -> Result<(Survey, Plan), Failure> {
    let scope = options.scope();
    let needs = policies.needs();
    let (survey, collected) = futures::try_join!(
        settled_survey(client, &scope),
        retrying(|| pvmigrate_cluster::collect(client, &needs, options.namespace.as_deref())),
    )?;
    let plan = Plan::new(&survey, Arc::new(collected), policies, options, Timestamp::now())?;
    Ok((survey, plan))
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
