//! Counts the requests that go to the API server. Reviews of one's own account are counted apart: they look at no object, and
//! there is one for each permission.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Uri};

/// The number of requests by verb and resource; clones share one count. Repeated tries of one call count each.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
    reviews: Arc<AtomicU64>,
}

/// The resources of reviews of one's own account.
const REVIEWS: [&str; 2] = ["selfsubjectaccessreviews", "selfsubjectreviews"];

impl Requests {
    /// Returns how many requests were sent, without reviews.
    pub fn total(&self) -> u64 {
        self.by_call().values().sum()
    }

    /// Returns how many reviews of the own account were sent.
    pub fn reviews(&self) -> u64 {
        self.reviews.load(Ordering::Relaxed)
    }

    /// Returns how many requests were sent, by `verb resource`, without reviews.
    pub fn by_call(&self) -> BTreeMap<String, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, method: &Method, uri: &Uri) {
        if REVIEWS.contains(&&*resource(uri.path()).0) {
            self.reviews.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let call = call(method, uri);
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default() += 1;
    }
}

impl fmt::Display for Requests {
    /// Prints the total and its parts on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests", self.total())?;
        let calls = self.by_call();
        let parts: Vec<String> = calls.iter().map(|(call, count)| format!("{count} {call}")).collect();
        if !parts.is_empty() {
            write!(f, " ({})", parts.join(", "))?;
        }
        match self.reviews() {
            0 => Ok(()),
            reviews => write!(f, " and {reviews} reviews of permissions"),
        }
    }
}

/// Names a request as RBAC does: `list pods`, `get pods/log`.
fn call(method: &Method, uri: &Uri) -> String {
    let (resource, has_name) = resource(uri.path());
    let query = uri.query().unwrap_or_default();
    let verb = match method.as_str() {
        "GET" if is_on(query, "watch") => "watch",
        "GET" if has_name => "get",
        "GET" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        other => other,
    };
    format!("{verb} {resource}")
}

/// Tells whether a flag is on in a query; `watch` alone and `watch=1` count too.
pub(crate) fn is_on(query: &str, flag: &str) -> bool {
    query.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
        key == flag && !matches!(value, "false" | "0")
    })
}

/// Reads resource, subresource and whether an object is named off a path of the API.
fn resource(path: &str) -> (String, bool) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let rest = match parts.as_slice() {
        ["api", _version, rest @ ..] | ["apis", _, _version, rest @ ..] => rest,
        other => other,
    };
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        other => other,
    };
    match rest {
        [resource, _name, subresource, ..] => (format!("{resource}/{subresource}"), true),
        [resource, _name] => ((*resource).to_owned(), true),
        [resource] => ((*resource).to_owned(), false),
        [] => (path.to_owned(), true),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_as_rbac_names_them() {
        let table = [
            ("GET", "/api/v1/persistentvolumes?limit=500", "list persistentvolumes"),
            ("GET", "/api/v1/namespaces/shop/pods?watch=true&resourceVersion=5", "watch pods"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/log?follow=true", "get pods/log"),
            ("GET", "/api/v1/namespaces", "list namespaces"),
            ("GET", "/api/v1/namespaces/shop", "get namespaces"),
            ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", "patch deployments"),
            ("POST", "/api/v1/namespaces/shop/configmaps", "create configmaps"),
            ("DELETE", "/api/v1/persistentvolumes/pvc-1", "delete persistentvolumes"),
            ("GET", "/version", "list version"),
        ];
        for (method, uri, expected) in table {
            assert_eq!(call(&method.parse().unwrap(), &uri.parse().unwrap()), expected);
        }
    }

    #[test]
    fn clones_count_together() {
        let requests = Requests::default();
        let clone = requests.clone();
        clone.count(&Method::GET, &"/api/v1/pods".parse().unwrap());
        clone.count(&Method::GET, &"/api/v1/pods".parse().unwrap());
        assert_eq!(requests.total(), 2);
        assert_eq!(requests.to_string(), "2 requests (2 list pods)");
    }

    #[test]
    fn reviews_are_counted_apart() {
        let requests = Requests::default();
        for path in [
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            "/api/v1/namespaces/shop/pods",
        ] {
            requests.count(&Method::POST, &path.parse().unwrap());
        }
        assert_eq!((requests.total(), requests.reviews()), (1, 2));
        assert_eq!(requests.to_string(), "1 requests (1 create pods) and 2 reviews of permissions");
    }
}
