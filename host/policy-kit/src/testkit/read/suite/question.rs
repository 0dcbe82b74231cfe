//! The question of a case: the file's rows on a snapshot, with what the case changes.

use std::path::PathBuf;
use std::sync::Arc;

use pvmigrate_core::policy::{Pairs, Question, Request, facts};
use pvmigrate_yaml::{Fields, Node, Wrong, did_you_mean};

use super::{Reader, given};
use crate::testkit::read::chain::Chain;
use crate::testkit::read::cluster::Cluster;
use crate::testkit::read::fixture::Fixture;
use crate::testkit::read::snapshot::Snapshot;
use crate::testkit::read::{find, rows};
use crate::testkit::vocabulary::error::TestkitError;

/// The facts of a request that a test may set; the source class follows from `source`.
const FACTS: [&str; 3] = [facts::NAMESPACE, facts::SKIP_SOURCE_VALIDATION, facts::FORCE_MODES];

impl Reader<'_, '_> {
    /// Returns the file's rows on a snapshot.
    pub(super) fn cluster(&mut self, node: Option<&Node>) -> Result<Arc<(Cluster, Snapshot)>, TestkitError> {
        let path = self.path;
        let folder = node.map(|node| self.snapshot(node)).transpose()?;
        if let Some(known) = self.clusters.get(&folder) {
            return Ok(Arc::clone(known));
        }
        let at = node.map_or(self.file.at(), |node| &node.at);
        let wrong = |what: String| TestkitError::from(Wrong::new(at, what).of(path));
        let mut cluster = Cluster::default();
        if let Some(folder) = &folder {
            let fixture = Fixture::load(folder, &wrong)?;
            self.used.extend(fixture.files);
            cluster = fixture.cluster;
        }
        let cluster = given::add_rows(cluster, &self.file, &self.needs).map_err(|wrong| wrong.of(path))?;
        let snapshot = cluster.snapshot().map_err(wrong)?;
        let both = Arc::new((cluster, snapshot));
        self.clusters.insert(folder, Arc::clone(&both));
        Ok(both)
    }

    /// Returns the path of a snapshot, which exists.
    fn snapshot(&self, node: &Node) -> Result<PathBuf, TestkitError> {
        let named = node.text("snapshot").map_err(|wrong| wrong.of(self.path))?;
        let folder = find::folder_of(self.path).join(named);
        if folder.exists() {
            return Ok(folder);
        }
        let known = find::neighbours(&folder);
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let near = did_you_mean(&name, known.iter().map(String::as_str));
        let what = format!("no such file or folder: {}{near}", folder.display());
        Err(Wrong::new(&node.at, what).of(self.path).into())
    }

    pub(super) fn question(
        &self,
        case: &Fields<'_>,
        chain: &Chain,
        (cluster, snapshot): &(Cluster, Snapshot),
    ) -> Result<Question, Wrong> {
        let needs = self.opened.needs(chain);
        let Some(given) = case.get("given") else {
            let request = self.request(case, cluster, snapshot.clone())?;
            return Ok(Question { request, collected: Arc::new(cluster.collect(&needs)) });
        };
        let mut changed = cluster.clone();
        given::apply(&mut changed, case, &needs)?;
        let snapshot = changed.snapshot().map_err(|what| Wrong::new(&given.at, what))?;
        Ok(Question { request: self.request(case, &changed, snapshot)?, collected: Arc::new(changed.collect(&needs)) })
    }

    fn request(&self, case: &Fields<'_>, cluster: &Cluster, snapshot: Snapshot) -> Result<Request, Wrong> {
        let class = |name: &str| snapshot.classes.iter().find(|class| class.name == name).cloned();
        let (source, at) = (self.file.need("source")?.text("source")?, self.file.need("target")?);
        cluster.check_class(self.file.need("source")?, source)?;
        let target = at.text("target")?;
        let Some(target) = class(target) else {
            let near = did_you_mean(target, snapshot.classes.iter().map(|class| class.name.as_str()));
            return Err(Wrong::new(&at.at, format!("unknown class {target}{near}")));
        };
        for at in [self.file.need("source")?, at] {
            if let Some(what) = snapshot.unclear.get(at.text("class")?) {
                return Err(Wrong::new(&at.at, what.as_str()));
            }
        }
        let mut all_facts = Pairs::from([(facts::SOURCE_CLASS.to_owned(), source.to_owned())]);
        for facts in [self.file.get("facts"), case.get("facts")].into_iter().flatten() {
            rows::known_facts(facts, "a request", &FACTS)?;
            rows::change_pairs(&mut all_facts, Some(facts), "facts")?;
        }
        let environment = match (case.text("environment")?, self.file.text("environment")?) {
            (None, None) => self.given.and_then(|given| given.environment.as_deref()),
            (case, file) => case.or(file),
        };
        Ok(Request {
            environment: environment.unwrap_or_default().to_owned(),
            now: given::now(case)?.or(given::now(&self.file)?).unwrap_or_default(),
            source: class(source),
            target,
            volumes: snapshot.volumes,
            facts: all_facts,
        })
    }
}
