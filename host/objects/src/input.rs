//! Reads Kubernetes objects from files: YAML or JSON, one or many, in the encodings that shells write.
//!
//! What comes out is what an API server would have taken: every object is complete enough to be understood, of a served
//! version, and given once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod check;
mod documents;
mod error;
mod files;
mod normal;
mod text;

pub use error::{InputError, Origin};
pub use files::files;
pub use text::text;

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// An object as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Where it stands.
    pub origin: Origin,
    /// The object, with its namespace, without empty fields, and of the version that is served today.
    pub object: Value,
}

/// Reads the objects of files, of whole folders, and of standard input (`-`).
///
/// `List`s and typed lists (`kubectl get -o yaml`) are taken apart. Old API versions that differ in name only become the
/// new ones.
///
/// # Errors
/// Names the file and, where there is one, the object and the field of the first thing that is not as it should be; when
/// there is no object at all.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Given>, InputError> {
    let mut all = Vec::new();
    for path in paths {
        for file in files(path)? {
            all.extend(documents_of(&file, &text(&file)?)?);
        }
    }
    finish(all, paths)
}

/// Reads the objects of one text; the file is for messages.
///
/// # Errors
/// As [`read`].
pub fn of_text(file: &Path, text: &str) -> Result<Vec<Given>, InputError> {
    finish(documents_of(file, text)?, &[file.to_owned()])
}

fn finish(all: Vec<Given>, paths: &[PathBuf]) -> Result<Vec<Given>, InputError> {
    if all.is_empty() {
        return Err(InputError::NoObject { paths: paths.to_vec() });
    }
    unique(&all)?;
    Ok(all)
}

/// Reads the objects of files and folders without where they stand.
///
/// # Errors
/// As [`read`].
pub fn read_objects(path: &Path) -> Result<Vec<Value>, InputError> {
    Ok(read(&[path.to_owned()])?.into_iter().map(|given| given.object).collect())
}

/// Makes one object as an API server would have made it, and checks it as [`read`] does.
///
/// # Errors
/// Says what is wrong with it, without a place.
pub fn one(object: &mut Value) -> Result<(), String> {
    normal::make(object);
    let origin = Origin { file: PathBuf::new(), document: 0, item: None };
    check::object(&origin, object).map_err(|error| match error {
        InputError::Object { what, .. } => what,
        other => other.to_string(),
    })
}

fn documents_of(file: &Path, text: &str) -> Result<Vec<Given>, InputError> {
    let mut objects = Vec::new();
    for (document, value) in (1..).zip(documents::read(file, text)?) {
        let origin = Origin { file: file.to_owned(), document, item: None };
        unpack(origin, value, &mut objects)?;
    }
    Ok(objects)
}

/// Takes lists apart and makes each object fit to use.
fn unpack(origin: Origin, value: Value, into: &mut Vec<Given>) -> Result<(), InputError> {
    if value.is_null() {
        return Ok(());
    }
    let Some(list) = check::list(&origin, &value)? else {
        let mut object = value;
        normal::make(&mut object);
        check::object(&origin, &object)?;
        into.push(Given { origin, object });
        return Ok(());
    };
    for (at, item) in (1..).zip(list.items) {
        let mut item = item.clone();
        if let (Some(kind), Some(fields)) = (&list.item_kind, item.as_object_mut()) {
            // The API leaves both out of the items of a typed list.
            fields.entry("kind").or_insert_with(|| Value::from(kind.as_str()));
            fields.entry("apiVersion").or_insert_with(|| Value::from(list.api_version));
        }
        unpack(Origin { item: Some(at), ..origin.clone() }, item, into)?;
    }
    Ok(())
}

/// Refuses an object that is given twice: nobody can know which of the two counts.
fn unique(all: &[Given]) -> Result<(), InputError> {
    let mut seen: BTreeMap<String, &Origin> = BTreeMap::new();
    for Given { origin, object } in all {
        let identity = check::identity(object);
        if let Some(first) = seen.insert(identity.clone(), origin) {
            let first = Box::new(first.clone());
            return Err(InputError::Duplicate { origin: origin.clone(), object: identity, first });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
