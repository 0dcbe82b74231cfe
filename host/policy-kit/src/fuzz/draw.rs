//! Made-up clusters: rows of a test file, few of them, with values where policies stumble.
//!
//! Everything shrinks towards "not there", so that what remains of a finding is what it needs.

mod objects;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::{select, subsequence};
use pvmigrate_core::policy::quantity::parse_bytes;
use serde_json::{Map, Value, json};

use super::words::{Words, is_name};
use super::{Options, schema};
use pvmigrate_policy::Policy;

/// Maximum number of volumes of one question.
const MOST_VOLUMES: usize = 6;
/// Maximum number of volumes of the few questions that are large: some mistakes need a crowd.
const CROWD: usize = 24;
const SOURCE: &str = "old";
const TARGET: &str = "new";
/// A class that claims have and that is not there.
const ELSEWHERE: &str = "elsewhere";
const CLASSES: [&str; 3] = [SOURCE, TARGET, ELSEWHERE];

const NAMESPACES: [&str; 5] = ["app", "db", "kube-system", "xn--e1afmkfd", "0"];
const SIZES: [&str; 7] = ["1", "1Gi", "1025Mi", "100Gi", "1Ti", "16Ti", "9223372036854775807"];
const PHASES: [&str; 5] = ["Pending", "Lost", "Bound", "Released", "Moved-by-a-later-Kubernetes"];
const MODES: [&str; 4] = ["RWO", "ROX", "RWX", "RWOP"];
const TIMES: [&str; 6] = [
    "1970-01-01T00:00:00Z",
    "2026-01-03T23:59:59Z",
    "2026-01-05T02:59:00Z",
    "2026-03-01T04:00:00Z",
    "2028-02-29T12:00:00Z",
    "9999-12-01T00:00:00Z",
];
/// Annotations that pvmigrate itself knows.
const KEYS: [&str; 3] = ["kurl.sh/pvcmigrate-destinationaccessmode", "app", "pvmigrate.dev/keep"];
const VALUES: [&str; 9] =
    ["true", "false", "True", "", "1", "-1", "1Gi", "ReadWriteMany", "\u{1b}[2J\u{202e}\n\"é\u{1f600}"];
/// Annotations may hold a quarter of a megabyte.
const LONG: usize = 6_000;

type Rows = Vec<(String, Value)>;
type Row = Map<String, Value>;

/// One made-up cluster, with settings and what else a request has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draw {
    settings: Value,
    run: Row,
    /// What the three classes are called.
    classes: [String; 3],
    source: bool,
    target: Row,
    volumes: BTreeMap<(String, String), Row>,
    objects: BTreeMap<String, Value>,
}

impl Draw {
    pub(super) fn settings(&self) -> Value {
        self.settings.clone()
    }

    pub(super) fn source(&self) -> &str {
        self.class(SOURCE)
    }

    pub(super) fn target(&self) -> &str {
        self.class(TARGET)
    }

    fn class(&self, usual: &'static str) -> &str {
        let at = CLASSES.iter().position(|class| *class == usual);
        at.map_or(usual, |at| &self.classes[at])
    }

    /// Returns what is the same for all cases: time, environment, facts, settings.
    pub(super) fn file(&self) -> Rows {
        let settings = self.settings.as_object().filter(|settings| !settings.is_empty());
        let settings = settings.map(|settings| ("settings".to_owned(), Value::Object(settings.clone())));
        self.run.clone().into_iter().chain(settings).collect()
    }

    pub(super) fn classes(&self) -> Rows {
        let source = if self.source { json!({}) } else { Value::Null };
        let elsewhere = self.volumes.values().any(|row| row.get("class").is_some_and(|class| class == ELSEWHERE));
        [(self.source().to_owned(), source), (self.target().to_owned(), Value::Object(self.target.clone()))]
            .into_iter()
            .chain(elsewhere.then(|| (self.class(ELSEWHERE).to_owned(), Value::Null)))
            .collect()
    }

    pub(super) fn volumes(&self) -> Rows {
        let row = |((namespace, name), row): (&(String, String), &Row)| {
            let mut row = row.clone();
            if row.get("phase").is_some_and(is_odd) {
                row.remove("phase");
            }
            let class = CLASSES.into_iter().find(|usual| row.get("class").is_some_and(|is| is == usual));
            row.extend(class.map(|usual| ("class".to_owned(), Value::from(self.class(usual)))));
            (format!("{namespace}/{name}"), Value::Object(row))
        };
        self.volumes.iter().map(row).collect()
    }

    /// Returns what rows cannot say: phases that Kubernetes does not have, yet.
    pub(super) fn patches(&self) -> Rows {
        let odd = |((namespace, name), row): (&(String, String), &Row)| {
            let phase = row.get("phase").filter(|phase| is_odd(phase))?;
            Some((format!("PersistentVolumeClaim {namespace}/{name}"), json!({"status": {"phase": phase}})))
        };
        self.volumes.iter().filter_map(odd).collect()
    }

    pub(super) fn objects(&self) -> Rows {
        self.objects.clone().into_iter().collect()
    }

    /// Returns the same with fewer volumes: its halves, and all but the last.
    pub(super) fn parts(&self) -> Vec<Self> {
        let (all, half) = (self.volumes.len(), self.volumes.len() / 2);
        let part = |from: usize, to: usize| Self {
            volumes: self.volumes.clone().into_iter().skip(from).take(to - from).collect(),
            ..self.clone()
        };
        vec![part(0, half), part(half, all), part(0, all.saturating_sub(1))]
    }
}

/// Makes up clusters for a policy: with words that it mentions itself.
pub(super) fn draws(policy: &Policy, options: &Options) -> BoxedStrategy<Draw> {
    let (info, words) = (policy.info(), Words::of(policy, options));
    let settings = match &options.settings {
        Some(given) => Just(given.clone()).boxed(),
        None => schema::settings(info.settings_schema.as_ref(), &words.declared),
    };
    let volumes = |count: RangeInclusive<usize>| btree_map((namespace(&words), name(&words)), volume(&words), count);
    // Both begin at none, so that what is found shrinks to what it needs.
    let volumes = prop_oneof![5 => volumes(0..=MOST_VOLUMES), 1 => volumes(0..=CROWD)];
    let run = run(&words, options);
    let classes = CLASSES.map(|usual| words.class(usual));
    (settings, run, any::<bool>(), classes, class(&words), volumes, objects::objects(info, &words))
        .prop_map(|(settings, run, without_source, classes, target, volumes, objects)| Draw {
            settings,
            run,
            classes: distinct(classes),
            source: !without_source,
            target,
            volumes,
            objects,
        })
        .boxed()
}

/// Two classes of one name would be one class.
fn distinct(names: [String; 3]) -> [String; 3] {
    let same = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
    if same { CLASSES.map(str::to_owned) } else { names }
}

fn namespace(words: &Words) -> BoxedStrategy<String> {
    words.one_of(&NAMESPACES, is_name)
}

/// Makes up names as Kubernetes allows them: up to 253 characters, with dots, beginning with a digit.
fn name(words: &Words) -> BoxedStrategy<String> {
    let long = "a.b-c0".repeat(42);
    let odd = vec!["data".to_owned(), "0".to_owned(), "a.b.c".to_owned(), "data-pg-0".to_owned(), long];
    let usual = prop_oneof![3 => select(odd), 1 => (0_u8..20).prop_map(|at| format!("data-{at}"))];
    match words.literal(is_name) {
        Some(literal) => prop_oneof![7 => usual, 1 => literal].boxed(),
        None => usual.boxed(),
    }
}

fn texts(fixed: &[&'static str]) -> BoxedStrategy<Value> {
    select(fixed.to_vec()).prop_map(Value::from).boxed()
}

fn value(words: &Words) -> BoxedStrategy<String> {
    let usual = words.one_of(&VALUES, |_| true);
    prop_oneof![20 => usual, 1 => (0..=LONG).prop_map(|length| "x".repeat(length))].boxed()
}

/// Makes up labels: short values of plain letters.
fn labels(words: &Words) -> BoxedStrategy<Value> {
    let plain = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        word.len() <= 63 && word.chars().all(fits)
    };
    pairs(words, words.one_of(&KEYS, |_| true), words.one_of(&["true", "false", "True", "", "1"], plain))
}

fn annotations(words: &Words) -> BoxedStrategy<Value> {
    let key = words.one_of(&KEYS, |word| word != pvmigrate_core::policy::known_modes::ANNOTATION);
    pairs(words, key, value(words))
}

fn pairs(words: &Words, key: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let few = btree_map(key, value, 1..4);
    let pairs = match words.pairs() {
        Some(many) => prop_oneof![3 => few, 1 => many].boxed(),
        None => few.boxed(),
    };
    pairs.prop_map(|pairs| json!(pairs)).boxed()
}

/// Makes a row of some of the fields.
fn row(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Row> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| option::weighted(0.4, value).prop_map(move |value| Some((key.to_owned(), value?))))
        .collect();
    fields.prop_map(|fields| fields.into_iter().flatten().collect()).boxed()
}

fn volume(words: &Words) -> BoxedStrategy<Row> {
    let modes = vec(select(MODES.to_vec()), 1..3).prop_map(|modes| json!(modes)).boxed();
    let by = subsequence(
        vec![
            "StatefulSet/pg",
            "Deployment/web*3",
            "Deployment/api*2@node-a ro",
            "Job/x pending",
            "Pod/p ro",
            "Robot.example.com/r",
        ],
        0..3,
    );
    let facts =
        select(vec![json!({"pvmigrate.dev/deleting": "true"}), json!({"pvmigrate.dev/owner": "StatefulSet/pg"})]);
    row(vec![
        ("class", texts(&[SOURCE, SOURCE, SOURCE, TARGET, ELSEWHERE])),
        ("modes", modes),
        ("volumeMode", texts(&["Block", "Filesystem"])),
        ("size", words.size(&SIZES)),
        ("used", words.size(&SIZES)),
        ("phase", texts(&PHASES)),
        ("volume", Just(Value::Null).boxed()),
        ("labels", labels(words)),
        ("annotations", annotations(words)),
        ("facts", facts.boxed()),
        ("by", by.prop_map(|by| json!(by)).boxed()),
    ])
    .prop_map(possible)
    .boxed()
}

/// Leaves out what cannot be true of one claim at once.
fn possible(mut row: Row) -> Row {
    let bytes = |row: &Row, key: &str| row.get(key).and_then(Value::as_str).and_then(|size| parse_bytes(size).ok());
    if bytes(&row, "used") > Some(bytes(&row, "size").unwrap_or(1 << 30)) {
        row.remove("used");
    }
    if row.get("phase").is_some_and(|phase| phase != "Pending" && phase != "Lost") {
        row.remove("volume");
    }
    row
}

fn is_odd(phase: &Value) -> bool {
    !["Bound", "Pending", "Lost"].iter().any(|known| phase == known)
}

fn class(words: &Words) -> BoxedStrategy<Row> {
    let modes = vec(select(vec!["RWO", "RWX", "RWOP", "ROX", "Block:RWX", "Block:RWO"]), 1..4);
    let provisioner = words.one_of(&["rbd.csi.ceph.com", "nfs.csi.k8s.io", "x"], |word| word.contains('.'));
    row(vec![
        ("provisioner", provisioner.prop_map(Value::from).boxed()),
        ("annotations", annotations(words)),
        ("reclaimPolicy", texts(&["Retain", "Delete"])),
        ("bindingMode", texts(&["WaitForFirstConsumer", "Immediate"])),
        ("allowExpansion", any::<bool>().prop_map(Value::from).boxed()),
        ("modes", modes.prop_map(|modes| json!(modes)).boxed()),
    ])
}

fn run(words: &Words, options: &Options) -> BoxedStrategy<Row> {
    let made_up = || words.one_of(&["prod", "staging", ""], |_| true).prop_map(Value::from);
    let environment = match &options.environment {
        Some(given) => Just(Some(Value::from(given.as_str()))).boxed(),
        None => option::weighted(0.3, made_up()).boxed(),
    };
    let on = |key: &'static str| Just(json!({key: "true"})).boxed();
    let only = namespace(words).prop_map(|name| json!({"pvmigrate.dev/namespace": name})).boxed();
    let facts = prop_oneof![on("pvmigrate.dev/skip-source-validation"), on("pvmigrate.dev/force-modes"), only];
    let others = row(vec![("now", texts(&TIMES)), ("facts", facts.boxed())]);
    (environment, others)
        .prop_map(|(environment, mut row)| {
            row.extend(environment.map(|environment| ("environment".to_owned(), environment)));
            row
        })
        .boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::*;

    /// What only goes wrong with nine claims and more is met within a hundred runs.
    #[test]
    fn some_questions_have_many_volumes_and_most_have_few() {
        let policy = Policy::built_in().unwrap();
        let draws = draws(&policy, &Options::default());
        let mut runner = TestRunner::deterministic();
        let sizes: Vec<_> = (0..100).map(|_| draws.new_tree(&mut runner).unwrap().current().volumes().len()).collect();
        assert!(sizes.iter().filter(|size| **size >= 9).count() >= 4, "{sizes:?}");
        assert!(sizes.iter().filter(|size| **size <= MOST_VOLUMES).count() >= 75, "{sizes:?}");
    }
}
