//! Snapshots on disk: folders and files of Kubernetes objects, for test cases and for commands without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pvmigrate_core::policy::{Collected, Kind, Need, StorageClass, Volume};

use pvmigrate_objects::{complete, input, kinds};
use pvmigrate_yaml::Mistake;
use serde_json::Value;

use super::cluster::Cluster;
use super::find;
use super::snapshot::Snapshot;
use super::yaml;
use crate::testkit::vocabulary::error::TestkitError;

/// The content of a folder or a file of Kubernetes objects, as far as a question needs it.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub(crate) snapshot: Snapshot,
    pub(crate) cluster: Cluster,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    namespaces: BTreeSet<String>,
    /// What was read, before anything was filled in: names by kind.
    given: BTreeMap<Kind, Vec<(Option<String>, String)>>,
}

impl Fixture {
    /// Reads all YAML and JSON below a folder, test files aside, one file, or standard input (`-`). What is left out is filled
    /// in as for `policy test`.
    ///
    /// # Errors
    /// When a file cannot be read, an object cannot be understood, or there is none.
    pub fn read(path: &Path) -> Result<Self, TestkitError> {
        Self::load(path, &|what| Mistake { place: yaml::whole(path), what }.into())
    }

    /// Reads as [`Self::read`] does; `wrong` gives errors about the whole their place.
    pub(crate) fn load(path: &Path, wrong: &dyn Fn(String) -> TestkitError) -> Result<Self, TestkitError> {
        let mut files = input::files(path)?;
        if path.is_dir() {
            files.retain(|file| !find::is_report(file));
        }
        Self::of(input::read(&files)?, files, wrong)
    }

    /// Reads the text of one file as [`Self::read`] does.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_text(path: &Path, text: &str) -> Result<Self, TestkitError> {
        let wrong = |what| Mistake { place: yaml::whole(path), what }.into();
        Self::of(input::of_text(path, text)?, vec![path.to_owned()], &wrong)
    }

    fn of(
        given: Vec<input::Given>,
        files: Vec<PathBuf>,
        wrong: &dyn Fn(String) -> TestkitError,
    ) -> Result<Self, TestkitError> {
        let mut objects: Vec<Value> = given.into_iter().map(|given| given.object).collect();
        let namespaces = objects.iter().filter_map(namespace_of).collect();
        let mut given: BTreeMap<Kind, Vec<(Option<String>, String)>> = BTreeMap::new();
        for object in &objects {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let kind = |field: &str| text(&object[field]).unwrap_or_default();
            let name = text(&object["metadata"]["name"]).unwrap_or_default();
            let of_kind = given.entry(Kind::new(kind("apiVersion"), kind("kind"))).or_default();
            of_kind.push((text(&object["metadata"]["namespace"]), name));
        }
        complete::at_rest(&mut objects);
        let cluster = Cluster::of(objects);
        let snapshot = cluster.snapshot().map_err(wrong)?;
        Ok(Self { snapshot, cluster, files, namespaces, given })
    }

    /// Returns the classes.
    pub fn classes(&self) -> &[StorageClass] {
        &self.snapshot.classes
    }

    /// Returns the namespaces that there are: those of all objects.
    pub fn namespaces(&self) -> &BTreeSet<String> {
        &self.namespaces
    }

    /// Returns what is wrong with classes that can be migrated neither from nor to, by name.
    pub fn unclear_classes(&self) -> &BTreeMap<String, String> {
        &self.snapshot.unclear
    }

    /// Returns the claims with their volumes, in order of namespace and name.
    pub fn volumes(&self) -> &[Volume] {
        &self.snapshot.volumes
    }

    /// Lists the objects that were read, and that neither the question nor what policies with these needs look up is made of:
    /// namespace and name, by kind.
    pub fn unused(&self, needs: &[Need]) -> impl Iterator<Item = (&Kind, &[(Option<String>, String)])> {
        let is_used = |kind: &Kind| {
            let is_own = kinds::is_namespaced(&kind.api_version, &kind.kind).is_some();
            // Nodes are where pods that say nothing of a node are put.
            let mut of_questions = super::objects::of_questions().chain(["Node"]);
            needs.iter().any(|need| need.kind == *kind) || is_own && of_questions.any(|one| one == kind.kind)
        };
        let unused: Vec<_> = self.given.iter().filter(|(kind, _)| !is_used(kind)).collect();
        unused.into_iter().map(|(kind, names)| (kind, names.as_slice()))
    }

    /// Returns what policies with these needs may look up. A kind without objects is empty, not missing.
    pub fn collected(&self, needs: &[Need]) -> Collected {
        self.cluster.collect(needs)
    }
}

fn namespace_of(object: &Value) -> Option<String> {
    let field = if object["kind"] == "Namespace" { "name" } else { "namespace" };
    object["metadata"][field].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const OBJECTS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "slow"}, "provisioner": "p"},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "db"},
         "spec": {"storageClassName": "slow", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "disks", "namespace": "db"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "db"}}]}"#;

    #[test]
    fn a_folder_and_the_file_in_it_are_the_same_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.json");
        std::fs::write(&file, OBJECTS).unwrap();
        std::fs::write(folder.path().join("one.test.yaml"), "no objects").unwrap();
        let need = |kind| Need { kind: Kind::new("v1", kind), purpose: String::new(), optional: false };
        for path in [folder.path(), &file] {
            let fixture = Fixture::read(path).unwrap();
            assert_eq!(fixture.classes()[0].name, "slow");
            assert_eq!(fixture.volumes()[0].claim(), "db/data");
            let collected = fixture.collected(&[need("ResourceQuota"), need("Node"), need("Secret")]);
            let counts: Vec<_> = collected.kinds().map(|(kind, found)| (kind.kind.as_str(), found)).collect();
            assert_eq!(counts, [("Node", Ok(0)), ("ResourceQuota", Ok(1))]);
        }
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none")] {
            assert!(matches!(Fixture::read(&path), Err(TestkitError::Input(_))));
        }
    }
}
