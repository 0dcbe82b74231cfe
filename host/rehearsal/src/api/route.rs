//! From a request's method, path and query to what it means.

use http::{HeaderMap, Method, request::Parts};

use super::failure::Failure;
use crate::kinds::{self, Kind};

/// What a request wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// Returns the word RBAC uses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch | Self::Delete | Self::DeleteCollection)
    }
}

/// A request to a stored kind.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) kind: &'static Kind,
    /// Empty for cluster-wide kinds and for all namespaces.
    pub(crate) namespace: String,
    /// Empty when the request means a collection.
    pub(crate) name: String,
    pub(crate) subresource: Option<String>,
    pub(crate) query: Query,
}

impl Route {
    /// Returns `pods`, `deployments/scale`: what RBAC and the counters call it.
    pub(crate) fn resource(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.kind.plural),
            None => self.kind.plural.to_owned(),
        }
    }
}

/// A request's query and the headers that shape the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    pub(crate) content_type: String,
    /// The answer is to contain only the objects' metadata.
    pub(crate) metadata_only: bool,
}

impl Query {
    fn of(parts: &Parts) -> Self {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header = |name| header_text(&parts.headers, name);
        Self {
            pairs,
            content_type: header(http::header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_owned(),
            metadata_only: header(http::header::ACCEPT).contains("as=PartialObjectMetadata"),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.get(key)
            .map(|text| {
                text.parse().map_err(|_| Failure::bad_request(format!("invalid value {text:?} for parameter {key}")))
            })
            .transpose()
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }
}

fn header_text(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What a path means: an object kind, or one of the API's own documents.
#[derive(Debug)]
pub(crate) enum Target {
    Stored(Box<Route>),
    /// A question about the account that asks.
    Review(&'static Kind),
    /// `/version`, `/apis/...`: path segments.
    Document(Vec<String>),
}

/// Finds out what a request means; an unknown path is a 404. `served` finds a kind by its group, version and plural.
pub(crate) fn parse(
    parts: &Parts,
    served: impl Fn(&str, &str, &str) -> Option<&'static Kind>,
) -> Result<Target, Failure> {
    let segments: Vec<&str> = parts.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        other => return Ok(Target::Document(other.iter().map(|segment| (*segment).to_owned()).collect())),
    };
    if let [plural] = rest
        && let Some(kind) = kinds::review_by_path(group, version, plural)
    {
        let is_asked = parts.method == Method::POST;
        return if is_asked { Ok(Target::Review(kind)) } else { Err(Failure::method_not_allowed()) };
    }
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, inner @ ..] if !inner.is_empty() => (*namespace, inner),
        _ => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", None),
        [plural, name] => (*plural, *name, None),
        // Of all that a kubelet serves, only its summary is there.
        ["nodes", name, "proxy", "stats", "summary"] => ("nodes", *name, Some("proxy".to_owned())),
        [_, _, "proxy"] => return Err(Failure::no_such_path()),
        [plural, name, subresource] => (*plural, *name, Some((*subresource).to_owned())),
        _ => return Err(Failure::no_such_path()),
    };
    let kind = served(group, version, plural).ok_or_else(Failure::no_such_path)?;
    let scope_fits = if kind.namespaced { name.is_empty() || !namespace.is_empty() } else { namespace.is_empty() };
    let subresource_served = match subresource.as_deref() {
        None => true,
        Some("status") => kind.status,
        Some("scale") => kind.scale,
        Some("proxy") => *kind == kinds::NODES && parts.method == Method::GET,
        Some("log") => *kind == kinds::PODS,
        Some(_) => false,
    };
    if !scope_fits || !subresource_served {
        return Err(Failure::no_such_path());
    }
    let query = Query::of(parts);
    let verb = verb_of(&parts.method, name.is_empty(), &query)?;
    if verb == Verb::Create && kind.namespaced && namespace.is_empty() {
        return Err(Failure::method_not_allowed());
    }
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Ok(Target::Stored(Box::new(Route { verb, kind, namespace, name, subresource, query })))
}

fn verb_of(method: &Method, collection: bool, query: &Query) -> Result<Verb, Failure> {
    match (method.as_str(), collection) {
        ("GET", _) if query.flag("watch") => Ok(Verb::Watch),
        ("GET", true) => Ok(Verb::List),
        ("GET", false) => Ok(Verb::Get),
        ("POST", true) => Ok(Verb::Create),
        ("PUT", false) => Ok(Verb::Update),
        ("PATCH", false) => Ok(Verb::Patch),
        ("DELETE", false) => Ok(Verb::Delete),
        ("DELETE", true) => Ok(Verb::DeleteCollection),
        _ => Err(Failure::method_not_allowed()),
    }
}
