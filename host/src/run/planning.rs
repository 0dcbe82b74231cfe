//! The survey of the cluster and the plan made from it, without a write.

use std::sync::Arc;

use jiff::Timestamp;
use pvmigrate_core::survey::Survey;
use pvmigrate_policy::Policies;

use super::retry::retrying;
use crate::failure::Failure;
use crate::options::Options;
use crate::plan::Plan;

/// Surveys the cluster and plans, without a write.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails.
pub async fn plan(client: &kube::Client, policies: &Policies, options: &Options) -> Result<(Survey, Plan), Failure> {
    let scope = options.scope();
    let needs = policies.needs();
    let (survey, collected) = futures::try_join!(
        retrying(|| pvmigrate_cluster::survey(client, &scope)),
        retrying(|| pvmigrate_cluster::collect(client, &needs, options.namespace.as_deref())),
    )?;
    let plan = Plan::new(&survey, Arc::new(collected), policies, options, Timestamp::now())?;
    Ok((survey, plan))
}
