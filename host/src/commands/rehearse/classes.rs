//! Which classes a rehearsal migrates between, when the flags do not say.

use std::collections::BTreeSet;

use pvmigrate_core::names::DEFAULT_CLASS;
use serde_json::Value;

use crate::cli::migration::{Classes, ScopeArgs};
use crate::failure::Failure;

/// On a StorageClass of a rehearsal: `source` or `destination`.
const ROLE: &str = "rehearsal.pvmigrate.dev/role";

/// Finds the classes: by flag, else by [`ROLE`], else by use when there are exactly two.
///
/// # Errors
/// Bad usage, when it is not clear.
pub(super) fn of(scope: &ScopeArgs, objects: &[Value]) -> Result<Classes, Failure> {
    scope.refuse_empty_classes()?;
    let classes: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "StorageClass").collect();
    let names: Vec<&str> = classes.iter().filter_map(|class| class["metadata"]["name"].as_str()).collect();
    if names.is_empty() {
        return Err(Failure::usage(
            "the files hold no StorageClass, neither that to migrate from nor that to migrate to",
        )
        .hint("add them to the files: kubectl get sc -o yaml"));
    }
    let role = |role: &str| {
        let mut with = classes.iter().filter(|class| class["metadata"]["annotations"][ROLE] == role);
        let first = with.next().and_then(|class| class["metadata"]["name"].as_str());
        first.filter(|_| with.next().is_none()).map(str::to_owned)
    };
    let used = used(objects, &classes);
    let only_used = || match names.as_slice() {
        [a, b] if used.contains(*a) != used.contains(*b) => {
            Some(if used.contains(*a) { (*a).to_owned() } else { (*b).to_owned() })
        }
        _ => None,
    };
    let source = scope.source_sc.clone().or_else(|| role("source")).or_else(only_used);
    let source = source.ok_or_else(|| unclear("from", "--source-sc", &names))?;
    let other = || match names.as_slice() {
        [a, b] => [a, b].into_iter().find(|name| **name != source).map(|name| (*name).to_owned()),
        _ => None,
    };
    let dest = scope.dest_sc.clone().or_else(|| role("destination")).or_else(other);
    let dest = dest.ok_or_else(|| unclear("to", "--dest-sc", &names))?;
    Ok(Classes { source, dest })
}

/// Returns the classes that claims, volumes and claim templates name; the default class for those that name none.
fn used<'a>(objects: &'a [Value], classes: &[&'a Value]) -> BTreeSet<&'a str> {
    let default = classes.iter().find(|class| class["metadata"]["annotations"][DEFAULT_CLASS] == "true");
    let default = default.and_then(|class| class["metadata"]["name"].as_str());
    let templates = objects.iter().filter_map(|object| object["spec"]["volumeClaimTemplates"].as_array()).flatten();
    let is_user = |object: &&Value| object["kind"] == "PersistentVolumeClaim" || object["kind"] == "PersistentVolume";
    let users = objects.iter().filter(is_user).chain(templates);
    users.filter_map(|user| user["spec"]["storageClassName"].as_str().or(default)).collect()
}

fn unclear(way: &str, flag: &str, names: &[&str]) -> Failure {
    let there = names.join(", ");
    Failure::usage(format!("cannot tell which StorageClass to migrate {way}: the files have StorageClasses {there}"))
        .hint(format!("name it with {flag} CLASS"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(name: &str, annotations: Value) -> Value {
        json!({"kind": "StorageClass", "metadata": {"name": name, "annotations": annotations}})
    }

    fn claim(class: Option<&str>) -> Value {
        json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": class}})
    }

    fn scope(source: Option<&str>, dest: Option<&str>) -> ScopeArgs {
        let owned = |class: Option<&str>| class.map(str::to_owned);
        ScopeArgs {
            source_sc: owned(source),
            dest_sc: owned(dest),
            namespace: None,
            set_defaults: false,
            source_volumes: crate::cli::migration::SourceVolumes::OrphanDisk,
        }
    }

    fn found(scope: &ScopeArgs, objects: &[Value]) -> (String, String) {
        let classes = of(scope, objects).unwrap();
        (classes.source, classes.dest)
    }

    fn pair(source: &str, dest: &str) -> (String, String) {
        (source.to_owned(), dest.to_owned())
    }

    #[test]
    fn of_two_classes_the_used_one_is_the_source() {
        let objects = [class("fast", json!({})), class("slow", json!({})), claim(Some("slow"))];
        assert_eq!(found(&scope(None, None), &objects), pair("slow", "fast"));
        let defaulted = [class("fast", json!({})), class("slow", json!({DEFAULT_CLASS: "true"})), claim(None)];
        assert_eq!(found(&scope(None, None), &defaulted), pair("slow", "fast"));
    }

    #[test]
    fn roles_and_flags_say_it_outright() {
        let third = class("third", json!({}));
        let objects = [class("a", json!({ROLE: "source"})), class("b", json!({ROLE: "destination"})), third];
        assert_eq!(found(&scope(None, None), &objects), pair("a", "b"));
        assert_eq!(found(&scope(Some("third"), None), &objects), pair("third", "b"));
        assert_eq!(found(&scope(Some("x"), Some("y")), &objects), pair("x", "y"));
    }

    #[test]
    fn what_is_not_clear_is_asked_for() {
        let both_used = [class("a", json!({})), class("b", json!({})), claim(Some("a")), claim(Some("b"))];
        let failure = of(&scope(None, None), &both_used).unwrap_err();
        assert!(failure.error.to_string().contains("a, b"), "{}", failure.error);
        assert!(failure.hints[0].contains("--source-sc"));
    }

    #[test]
    fn an_empty_name_is_not_a_name_that_is_missing() {
        let objects = [class("a", json!({})), class("b", json!({})), claim(Some(""))];
        let empty = of(&scope(Some(""), Some("b")), &objects).unwrap_err();
        assert!(empty.error.to_string().contains("claims without a StorageClass cannot be chosen"), "{}", empty.error);
        let empty = of(&scope(Some("a"), Some("")), &objects).unwrap_err();
        assert!(empty.error.to_string().starts_with("--dest-sc is empty"), "{}", empty.error);
    }

    #[test]
    fn files_without_a_class_are_told_how_to_get_them() {
        for scope in [scope(None, None), scope(Some("a"), Some("b"))] {
            let failure = of(&scope, &[claim(Some("a"))]).unwrap_err();
            assert!(failure.error.to_string().starts_with("the files hold no StorageClass"), "{}", failure.error);
            assert!(failure.hints[0].contains("kubectl get sc -o yaml"), "{:?}", failure.hints);
        }
    }
}
