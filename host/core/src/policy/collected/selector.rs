//! Label selectors, as `kubectl -l` reads them.

use serde_json::Value;

/// The maximum length of a selector, in bytes: every object is matched against all of it.
const LONGEST: usize = 16 << 10;

/// The requirements on labels, all of which must be met.
pub(super) struct Selector(Vec<Requirement>);

enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    /// Also met by an object without the label, as in Kubernetes.
    NotIn(String, Vec<String>),
}

impl Selector {
    /// Reads a selector; an empty one fits everything.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        if text.len() > LONGEST {
            return Err(format!("a label selector of {} bytes is too long; it may have {LONGEST}", text.len()));
        }
        split(text).into_iter().map(requirement).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn fits(&self, object: &Value) -> bool {
        let labels = object.get("metadata").and_then(|meta| meta.get("labels"));
        let find = |key: &str| labels.and_then(|labels| labels.get(key)?.as_str());
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => find(key).is_some(),
            Requirement::Absent(key) => find(key).is_none(),
            Requirement::In(key, values) => find(key).is_some_and(|found| values.iter().any(|value| value == found)),
            Requirement::NotIn(key, values) => find(key).is_none_or(|found| values.iter().all(|value| value != found)),
        })
    }
}

/// Splits at commas outside the brackets of a set.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut parts) = (0_u32, Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    }) {
        parts.push(rest[..at].trim());
        rest = &rest[at + 1..];
    }
    parts.push(rest.trim());
    parts
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let wrong = || {
        format!(
            "invalid term {text:?} in the label selector; use key=value, key!=value, key in (a, b), key notin (a, b), key or !key"
        )
    };
    let name = |text: &str| match text.trim() {
        name if is_label(name) && !name.is_empty() => Ok(name.to_owned()),
        _ => Err(wrong()),
    };
    let value = |text: &str| match text.trim() {
        value if is_label(value) && !value.contains('/') => Ok(value.to_owned()),
        _ => Err(wrong()),
    };
    if let Some((head, set)) = text.split_once('(') {
        let set = set.strip_suffix(')').ok_or_else(wrong)?;
        let values = set.split(',').map(value).collect::<Result<_, _>>()?;
        return match head.split_whitespace().collect::<Vec<_>>().as_slice() {
            [key, "in"] => Ok(Requirement::In(name(key)?, values)),
            [key, "notin"] => Ok(Requirement::NotIn(name(key)?, values)),
            _ => Err(wrong()),
        };
    }
    if let Some((key, other)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(name(key)?, vec![value(other)?]));
    }
    if let Some((key, same)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(name(key)?, vec![value(same)?]));
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(name(key)?)),
        None => Ok(Requirement::Exists(name(text)?)),
    }
}

fn is_label(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_read_as_kubectl_reads_them() {
        let object = json!({"metadata": {"labels": {"app": "web", "acme.io/tier": "gold", "empty": ""}}});
        let table = [
            ("", true),
            ("app", true),
            ("!app", false),
            ("gone", false),
            ("!gone", true),
            ("app=web", true),
            ("app==web,acme.io/tier = gold", true),
            ("app=web,acme.io/tier=iron", false),
            ("app!=web", false),
            ("gone!=web", true),
            ("empty=", true),
            ("app in (db, web)", true),
            ("app in (db),app", false),
            ("app notin (db, cache),acme.io/tier in (gold)", true),
            ("gone notin (a)", true),
        ];
        for (text, fits) in table {
            assert_eq!(Selector::parse(text).unwrap().fits(&object), fits, "{text}");
        }
        assert!(Selector::parse(&"a,".repeat(LONGEST)).is_err());
        assert!(!Selector::parse("app").unwrap().fits(&json!({"metadata": {}})));
        for wrong in ["app in web", "app,", ",", "=", "app=a b", "app in (a", "in (a)", "a b", "a=b=c", "!", "app=x/y"]
        {
            assert!(Selector::parse(wrong).is_err(), "{wrong}");
        }
    }
}
