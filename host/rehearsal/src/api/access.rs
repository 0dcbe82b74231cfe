//! `SelfSubjectAccessReview`: what the caller may do, by its own fault plan.

use serde_json::{Value, json};

use super::failure::Failure;
use crate::{faults::Plan, object};

/// Answers whether the asked-for verb on the resource is allowed.
pub(super) fn review(plan: &Plan, body: &[u8]) -> Result<(u16, Value), Failure> {
    let mut review: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
    let attributes = review.pointer("/spec/resourceAttributes").cloned().unwrap_or(Value::Null);
    let verb = object::text(&attributes, "/verb").unwrap_or_default();
    let resource = object::text(&attributes, "/resource").unwrap_or_default();
    let resource = match object::text(&attributes, "/subresource") {
        Some(subresource) => format!("{resource}/{subresource}"),
        None => resource.to_owned(),
    };
    if !review.is_object() {
        return Err(Failure::bad_request("the body of the request is no Kubernetes object"));
    }
    review["status"] = json!({"allowed": !plan.forbids(verb, &resource)});
    Ok((201, review))
}
