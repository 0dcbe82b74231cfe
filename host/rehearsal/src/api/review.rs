//! Reviews: questions about the account that asks, answered in the status of what was posted.

use serde_json::{Value, json};

use super::failure::{Answer, Failure};
use crate::{
    kinds::{self, Kind},
    object,
};

/// The name of the one account that this cluster knows.
pub(crate) const USER: &str = "rehearsal";

/// What an access review asks for, in RBAC's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) verb: String,
    /// With its subresource: `pods/log`.
    pub(crate) resource: String,
}

/// Answers a review, for an account that has these permissions.
pub(crate) fn answer(kind: &Kind, body: &[u8], allows: impl Fn(&Access) -> bool) -> Result<Answer, Failure> {
    let mut review: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("the object provided is unrecognized: {error}")))?;
    (kind.check)(&review).map_err(|error| Failure::bad_request(error.to_string()))?;
    review["status"] = if *kind == kinds::ACCESS_REVIEWS {
        json!({"allowed": access(kind, &review)?.is_none_or(|access| allows(&access))})
    } else {
        json!({"userInfo": {"username": USER, "groups": ["system:authenticated"]}})
    };
    Ok((201, review))
}

/// Reads what is asked for; `None` for a path that is no object's.
fn access(kind: &Kind, review: &Value) -> Result<Option<Access>, Failure> {
    let has = |field: &str| review.pointer(field).is_some_and(Value::is_object);
    match (has("/spec/resourceAttributes"), has("/spec/nonResourceAttributes")) {
        (true, false) => {}
        (false, true) => return Ok(None),
        (true, true) | (false, false) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            let qualified = kind.qualified();
            return Err(Failure::unprocessable(format!(
                "{qualified} \"\" is invalid: spec.resourceAttributes: Required value: {why}"
            )));
        }
    }
    let text = |field: &str| object::text(review, field).unwrap_or_default();
    let resource = match text("/spec/resourceAttributes/subresource") {
        "" => text("/spec/resourceAttributes/resource").to_owned(),
        subresource => format!("{}/{subresource}", text("/spec/resourceAttributes/resource")),
    };
    Ok(Some(Access { verb: text("/spec/resourceAttributes/verb").to_owned(), resource }))
}
