//! Reading: each document must be a Kubernetes object, or a list of them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{kinds, object};

/// The reason why files could not be read as Kubernetes objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder holds nothing to read.
    #[error("no .yaml, .yml or .json file in {path}", path = path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file is malformed.
    #[error("{path}:{line}:{column}: {why}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: u64,
        /// The column, from 1 on.
        column: u64,
        /// What is wrong there.
        why: String,
    },
    /// A document is well-formed, but not a Kubernetes object.
    #[error("{path}: document {document}: {why}", path = path.display())]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// The document's number in the file, from 1 on.
        document: usize,
        /// What is missing or wrong.
        why: String,
    },
    /// The same object is given twice.
    #[error("{path}: document {document}: {object} is already defined in {first}", path = path.display(), first = first.display())]
    Duplicate {
        /// The file with the second one.
        path: PathBuf,
        /// The document's number in that file, from 1 on.
        document: usize,
        /// Kind, namespace and name.
        object: String,
        /// The file with the first one.
        first: PathBuf,
    },
}

/// Reads the Kubernetes objects of a file, or of all `*.yaml`, `*.yml` and `*.json` files in a folder by name.
///
/// A file may hold several documents; `List` and typed lists (`kubectl get -o yaml`) are taken apart.
///
/// # Errors
///
/// Names the file, and the line and column or the document, of the first thing that is not a Kubernetes object.
pub fn read_objects(path: &Path) -> Result<Vec<Value>, LoadError> {
    let mut objects = Vec::new();
    let mut seen: std::collections::BTreeMap<String, PathBuf> = std::collections::BTreeMap::new();
    for file in files(path)? {
        for (document, value) in documents(&file)? {
            for object in unpack(&file, document, value)? {
                check(&file, document, &object)?;
                let identity = identity(&object);
                if let Some(first) = seen.insert(identity.clone(), file.clone()) {
                    return Err(LoadError::Duplicate { path: file, document, object: identity, first });
                }
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let fail = |source| LoadError::Read { path: path.to_owned(), source };
    if !path.metadata().map_err(fail)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = BTreeSet::new();
    for entry in path.read_dir().map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        let wanted = file.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if wanted && file.is_file() {
            files.insert(file);
        }
    }
    if files.is_empty() {
        return Err(LoadError::Empty { path: path.to_owned() });
    }
    Ok(files.into_iter().collect())
}

/// Returns a file's documents with their numbers; empty ones are left out.
fn documents(path: &Path) -> Result<Vec<(usize, Value)>, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let documents: Vec<Value> = if path.extension().is_some_and(|end| end == "json") {
        let value = serde_json::from_str(&text).map_err(|error| LoadError::Syntax {
            path: path.to_owned(),
            line: error.line() as u64,
            column: error.column() as u64,
            why: error.to_string(),
        })?;
        vec![value]
    } else {
        // A dump of a whole cluster is larger than what a reader of untrusted text would accept.
        let options = serde_saphyr::options! { budget: None, with_snippet: false };
        serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| {
            let location = error.location();
            LoadError::Syntax {
                path: path.to_owned(),
                line: location.map_or(1, |location| location.line()),
                column: location.map_or(1, |location| location.column()),
                why: error.to_string(),
            }
        })?
    };
    Ok(documents.into_iter().enumerate().map(|(at, value)| (at + 1, value)).filter(|(_, v)| !v.is_null()).collect())
}

/// Takes lists apart.
fn unpack(path: &Path, document: usize, value: Value) -> Result<Vec<Value>, LoadError> {
    let fail = |why: &str| LoadError::NotAnObject { path: path.to_owned(), document, why: why.to_owned() };
    let Some(kind) = object::text(&value, "/kind") else {
        return Err(fail("it has no kind, so it is not a Kubernetes object"));
    };
    let Some(api_version) = object::text(&value, "/apiVersion") else {
        return Err(fail("it has no apiVersion, so it is not a Kubernetes object"));
    };
    let Some(item_kind) = kind.strip_suffix("List").filter(|_| value.get("items").is_some()) else {
        return Ok(vec![value]);
    };
    let (item_kind, api_version) = (item_kind.to_owned(), api_version.to_owned());
    let Some(items) = value.get("items").and_then(Value::as_array) else {
        return Err(fail("the field items of the List is not a list"));
    };
    let mut unpacked = Vec::new();
    for item in items {
        let mut item = item.clone();
        if !item.is_object() {
            return Err(fail("an item of the list is not a Kubernetes object"));
        }
        if object::text(&item, "/kind").is_none() && !item_kind.is_empty() {
            item["kind"] = Value::String(item_kind.clone());
            item["apiVersion"] = Value::String(api_version.clone());
        }
        unpacked.extend(unpack(path, document, item)?);
    }
    Ok(unpacked)
}

fn check(path: &Path, document: usize, object: &Value) -> Result<(), LoadError> {
    let fail = |why: String| LoadError::NotAnObject { path: path.to_owned(), document, why };
    if object::name(object).is_empty() {
        return Err(fail(format!("{} has no metadata.name", object["kind"].as_str().unwrap_or_default())));
    }
    let api_version = object::text(object, "/apiVersion").unwrap_or_default();
    let kind = object::text(object, "/kind").unwrap_or_default();
    if let Some(known) = kinds::by_object(api_version, kind) {
        (known.check)(object).map_err(|error| fail(format!("{}: {error}", identity(object))))?;
    }
    Ok(())
}

fn identity(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let dot = if group.is_empty() { "" } else { "." };
    match object::namespace(object) {
        "" => format!("{kind}{dot}{group} {}", object::name(object)),
        namespace => format!("{kind}{dot}{group} {namespace}/{}", object::name(object)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Value>, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        read_objects(folder.path())
    }

    #[test]
    fn a_malformed_file_is_named_with_line_and_column() {
        let error = read("a.yaml", "kind: Pod\nmetadata: {name: [}\n").unwrap_err();
        let LoadError::Syntax { path, line, column, .. } = &error else { unreachable!("{error}") };
        assert!(path.ends_with("a.yaml"));
        assert_eq!((*line, *column > 1), (2, true), "{error}");
    }

    #[test]
    fn lists_are_taken_apart() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n---\n\
                    apiVersion: v1\nkind: PersistentVolumeClaimList\nitems:\n- {metadata: {name: b, namespace: x}}\n";
        let objects = read("a.yml", text).unwrap();
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[1]["kind"], "PersistentVolumeClaim");
        assert_eq!(objects[1]["apiVersion"], "v1");
    }

    #[test]
    fn what_is_not_an_object_is_named() {
        let error = read("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\nsettings: {}\n").unwrap_err();
        assert!(error.to_string().contains("document 2: it has no kind"), "{error}");
        let error = read("a.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}").unwrap_err();
        assert!(error.to_string().contains("Pod has no metadata.name"), "{error}");
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: many}\n";
        let error = read("a.yaml", text).unwrap_err();
        assert!(error.to_string().contains("Deployment.apps a: "), "{error}");
    }

    #[test]
    fn an_object_given_twice_is_refused() {
        let text = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}\n";
        let error = read("a.yaml", &format!("{text}---\n{text}")).unwrap_err();
        assert!(error.to_string().contains("Pod x/a is already defined"), "{error}");
        assert!(matches!(read("a.txt", text), Err(LoadError::Empty { .. })));
    }
}
