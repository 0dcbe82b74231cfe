//! Seeded mistakes: slips of the pen in test files that work, one at a time. None may pass, and each is reported at its line,
//! with the nearest name where there is one.

use std::path::Path;
use std::sync::Arc;

use pvmigrate_policy::{Limits, Policy};
use pvmigrate_policy_kit::testkit::{ExitMeaning, Options, TestkitError};

use super::support::{built, run_loaded};

/// A file for keep-and-cap that passes.
const VOTES: &str = "\
apiVersion: pvmigrate.dev/policy-test/v1
source: gp2
target: fast-ssd
now: 2026-01-01T00:00:00Z
environment: prod
facts: {pvmigrate.dev/force-modes: \"true\"}
settings: {label: keep}
budget: {fuel-per-volume: 60k, memory: 8Mi}
classes:
  gp2: {provisioner: ebs.csi.aws.com, reclaimPolicy: Delete, bindingMode: Immediate, allowExpansion: true}
  fast-ssd: {provisioner: rbd.csi.ceph.com, modes: [RWO, \"Block:RWX\"], annotations: {pvmigrate.dev/max-size: 50Gi}}
volumes:
  db/data-pg-0: {class: gp2, modes: [RWO], size: 100Gi, used: 40Gi, by: sts/pg, labels: {app: pg}}
  web/uploads: {class: gp2, effectiveModes: [RWX], volumeMode: Filesystem, by: [Deployment/web*3@node-a ro]}
  web/cache: {class: gp2, phase: Pending, created: 2026-01-01T00:00:00Z}
objects:
  PersistentVolumeClaim ops/logs:
    spec: {storageClassName: gp2, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
cases:
- name: a large claim is too large
  given: {ops/logs: {size: 1Gi}}
  expect:
    select: {rest: abstain}
    modes: {web/uploads: no-opinion, rest: any}
    findings: {at-least: [blocker over-max-size on db/data-pg-0 ~ 100Gi]}
- name: a labelled one stays
  given:
    db/data-pg-0: {labels: {keep: \"true\"}}
    StatefulSet db/pg: {metadata: {labels: {tier: gold}}}
  expect:
    select: {db/data-pg-0: skip keep-label, rest: abstain}
    findings: any
- name: each label
  matrix: {value: [\"true\", \"false\"]}
  given: {web/uploads: {labels: {other: $value}}}
  expect: {select: {rest: abstain}}
- name: no such setting
  settings: {labl: x}
  expect: {settings-error: {at: /labl}}
- name: a cap that cannot be read
  given: {fast-ssd: {annotations: {pvmigrate.dev/max-size: plenty}}}
  expect: {fault: undecided max-size-invalid}
- name: later
  skip: waits for the next release
  expect: {select: any}
";

/// What is right, what is typed in its place, and a part of the message.
const SLIPS: &[(&str, &str, &str)] = &[
    // keys of the file
    ("apiVersion: pv", "apiversion: pv", "has no key apiversion, did you mean apiVersion?"),
    ("policy-test/v1", "policy-test/v2", "apiVersion \"pvmigrate.dev/policy-test/v2\" is unknown"),
    ("pvmigrate.dev/policy-test", "pvmigrate.dev/config", "is unknown; write pvmigrate.dev/policy-test/v1"),
    ("source: gp2", "src: gp2", "has no key src"),
    ("source: gp2", "Source: gp2", "did you mean source?"),
    ("target: fast", "dest: fast", "has no key dest"),
    ("target: fast", "taget: fast", "did you mean target?"),
    ("environment: prod", "enviroment: prod", "did you mean environment?"),
    ("facts: {pv", "fact: {pv", "did you mean facts?"),
    ("settings: {label", "setting: {label", "did you mean settings?"),
    ("budget: {f", "budgets: {f", "did you mean budget?"),
    ("classes:\n", "class:\n", "did you mean classes?"),
    ("classes:\n", "storageClasses:\n", "has no key storageClasses"),
    ("volumes:\n", "volume:\n", "did you mean volumes?"),
    ("volumes:\n", "claims:\n", "has no key claims"),
    ("objects:\n", "object:\n", "did you mean objects?"),
    ("cases:\n", "case:\n", "did you mean cases?"),
    ("cases:\n", "tests:\n", "has no key tests"),
    // keys of a case
    ("- name: a large", "- nam: a large", "a case has no key nam, did you mean name?"),
    ("- name: a large", "- Name: a large", "did you mean name?"),
    ("- name: a large claim is too large", "- name:", "needs the key name"),
    ("- name: a large claim is too large", "- name: \"\"", "the name of the case is empty"),
    ("- name: a large claim is too large", "- name: 5", "name is a text; write \"5\" in quotes"),
    ("- name: a labelled one stays", "- name: a large claim is too large", "has a case with this name already"),
    ("  given: {ops", "  giveb: {ops", "did you mean given?"),
    ("  skip: waits for the next release", "  skip: \" \"", "a case is skipped for a reason"),
    ("  skip: waits", "  skipped: waits", "a case has no key skipped"),
    ("  skip: waits for the next release", "  skip: true", "skip is a text"),
    ("  matrix: {value", "  matrx: {value", "did you mean matrix?"),
    ("  expect: {select: any}", "  expects: {select: any}", "did you mean expect?"),
    ("  expect: {select: any}", "  expect: {}", "the case expects nothing"),
    ("  expect: {select: any}", "  expect: ~", "needs the key expect"),
    ("  expect: {select: any}", "  expect: [select]", "expect is a mapping"),
    ("  expect: {select: any}", "  expect: golde", "did you mean golden?"),
    ("  expect: {select: any}", "  expect: none", "\"none\" is neither `golden` nor a mapping"),
    ("  settings: {labl: x}", "  setings: {labl: x}", "did you mean settings?"),
    // keys of what is expected
    ("    select: {rest: abstain}", "    selct: {rest: abstain}", "did you mean select?"),
    ("    select: {rest: abstain}", "    votes: {rest: abstain}", "expect has no key votes"),
    ("    modes: {web", "    mode: {web", "did you mean modes?"),
    ("    findings: any", "    finding: any", "did you mean findings?"),
    ("    findings: any", "    findings: nothing", "is neither `none`, `any` nor a list of findings"),
    ("    findings: any", "    findings: {atleast: []}", "did you mean at-least?"),
    ("    findings: any", "    findings: {at-least: blocker over-max-size}", "at-least is a list"),
    ("expect: {fault: und", "expect: {falt: und", "did you mean fault?"),
    ("{settings-error: {at", "{settings-errors: {at", "did you mean settings-error?"),
    ("{settings-error: {at: /labl}}", "{settings-error: {to: /labl}}", "settings-error has no key to"),
    ("{at: /labl}", "{at: labl}", "invalid JSON Pointer \"labl\"; write /labl"),
    ("{fault: undecided max-size-invalid}", "{fault: undecide max-size-invalid}", "unknown fault"),
    ("{fault: undecided max-size-invalid}", "{fault: undecided max-size-invald}", "did you mean max-size-invalid?"),
    ("{fault: undecided max-size-invalid}", "{fault: fule}", "unknown fault \"fule\""),
    (
        "{fault: undecided max-size-invalid}",
        "{fault: fuel, select: any}",
        "a case that ends in a fault has no other answer",
    ),
    // votes, modes and findings
    ("db/data-pg-0: skip keep-label", "db/data-pg-0: skipp keep-label", "did you mean skip?"),
    ("db/data-pg-0: skip keep-label", "db/data-pg-0: skip keep-labels", "did you mean keep-label?"),
    ("db/data-pg-0: skip keep-label", "db/data-pg-0: skip: keep-label", ""),
    (
        "db/data-pg-0: skip keep-label",
        "db/data-pg-O: skip keep-label",
        "unknown volume db/data-pg-O, did you mean db/data-pg-0?",
    ),
    (
        "db/data-pg-0: skip keep-label",
        "data-pg-0: skip keep-label",
        "unknown volume data-pg-0, did you mean db/data-pg-0?",
    ),
    ("db/data-pg-0: skip keep-label", "dbs/data-pg-0: skip keep-label", "did you mean db/data-pg-0?"),
    ("{db/data-pg-0: skip keep-label, rest: abstain}", "{db/data-pg-0: skip keep-label}", "is not named"),
    (
        "{db/data-pg-0: skip keep-label, rest: abstain}",
        "{db/data-pg-0: skip keep-label, Rest: abstain}",
        "did you mean rest?",
    ),
    ("    select: {rest: abstain}", "    select: {rest: abstained}", "did you mean abstain?"),
    ("    select: {rest: abstain}", "    select: {rest: true}", "is a text"),
    ("    select: {rest: abstain}", "    select: all", "\"all\" is neither `any` nor a mapping"),
    ("    modes: {web/uploads: no-opinion", "    modes: {web/uploads: no_opinion", "did you mean no-opinion?"),
    ("    modes: {web/uploads: no-opinion", "    modes: {web/uploads: RWM", "RWM"),
    ("    modes: {web/uploads: no-opinion", "    modes: {web/uploads: rwx", "rwx"),
    ("    modes: {web/uploads: no-opinion", "    modes: {web/upload: no-opinion", "did you mean web/uploads?"),
    ("blocker over-max-size on db", "bloker over-max-size on db", "did you mean blocker?"),
    ("blocker over-max-size on db", "error over-max-size on db", "unknown severity \"error\""),
    ("blocker over-max-size on db", "blocker over-maxsize on db", "did you mean over-max-size?"),
    ("blocker over-max-size on db", "blocker over-max-size in db", "over-max-size in db"),
    ("on db/data-pg-0 ~", "on db/data-pg-1 ~", "unknown volume db/data-pg-1, did you mean db/data-pg-0?"),
    ("on db/data-pg-0 ~ 100Gi", "on plann ~ 100Gi", "did you mean plan?"),
    ("on db/data-pg-0 ~ 100Gi", "on db/data-pg-0 ~ /100(/", "invalid regular expression /100(/"),
    ("on db/data-pg-0 ~ 100Gi", "on db/data-pg-0 ~", "~"),
    ("on db/data-pg-0 ~ 100Gi", "on db/data-pg-0 ~~ 100Gi", "~"),
    ("on db/data-pg-0 ~ 100Gi", "on db/data-pg-0 100Gi", "100Gi"),
    // values of the head
    ("now: 2026-01-01T00:00:00Z", "now: 2026-13-01T00:00:00Z", "invalid time"),
    ("now: 2026-01-01T00:00:00Z", "now: 2026-01-01", "invalid time"),
    ("now: 2026-01-01T00:00:00Z", "now: 1967-01-01T00:00:00Z", "is before 1970"),
    ("now: 2026-01-01T00:00:00Z", "now: 1767225600", "now is a text"),
    ("environment: prod", "environment: 1", "environment is a text"),
    ("environment: prod", "environment: [prod]", "environment is a text"),
    ("dev/force-modes:", "dev/force-mode:", "did you mean pvmigrate.dev/force-modes?"),
    ("force-modes: \"true\"", "force-modes: true", "write \"true\" in quotes"),
    ("settings: {label: keep}", "settings: {lable: keep}", "did you mean label?"),
    ("settings: {label: keep}", "settings: {label: 5}", "/label"),
    ("settings: {label: keep}", "settings: [label]", "settings is a mapping"),
    ("settings: {label: keep}", "settings: {label: \"\"}", "/label"),
    ("fuel-per-volume: 60k", "fuel-per-volumes: 60k", "did you mean fuel-per-volume?"),
    ("fuel-per-volume: 60k", "fuel-per-volume: 60K", "invalid amount of fuel \"60K\""),
    ("fuel-per-volume: 60k", "fuel-per-volume: -1", "fuel"),
    ("memory: 8Mi", "memory: 8MiB", "\"8MiB\" is not a quantity"),
    ("memory: 8Mi", "memory: 8m", "did you mean 8M?"),
    ("memory: 8Mi", "mem: 8Mi", "a budget has no key mem"),
    ("target: fast-ssd", "target: fast-sdd", "unknown class fast-sdd, did you mean fast-ssd?"),
    ("target: fast-ssd", "target: [fast-ssd]", "target is a text"),
    ("source: gp2", "source: gp3", "unknown class gp3, did you mean gp2?"),
    ("source: gp2", "source: GP2", "unknown class GP2, did you mean gp2?"),
    // classes
    ("provisioner: ebs", "provisoner: ebs", "did you mean provisioner?"),
    ("provisioner: ebs.csi.aws.com", "provisioner: [ebs]", "provisioner is a text"),
    ("reclaimPolicy: Delete", "reclaimpolicy: Delete", "did you mean reclaimPolicy?"),
    ("reclaimPolicy: Delete", "reclaimPolicy: delete", "did you mean Delete?"),
    ("reclaimPolicy: Delete", "reclaimPolicy: Retian", "did you mean Retain?"),
    ("bindingMode: Immediate", "bindingMode: Imediate", "did you mean Immediate?"),
    ("bindingMode: Immediate", "volumeBindingMode: Immediate", "a class has no key volumeBindingMode"),
    ("allowExpansion: true", "allowExpansion: \"true\"", "allowExpansion is true or false"),
    ("allowExpansion: true", "allowExpansion: yes", "allowExpansion is true or false"),
    ("modes: [RWO, \"Block:RWX\"]", "modes: [RWO, \"Blok:RWX\"]", "Blok:RWX"),
    ("modes: [RWO, \"Block:RWX\"]", "modes: RWO", "modes is a list"),
    ("modes: [RWO, \"Block:RWX\"]", "mode: [RWO]", "did you mean modes?"),
    ("annotations: {pvmigrate.dev/max", "annotation: {pvmigrate.dev/max", "did you mean annotations?"),
    ("max-size: 50Gi}}\nvol", "max-size: 50}}\nvol", "is a text; write \"50\" in quotes"),
    ("  gp2: {provisioner: ebs", "  gp22: {}\n  gp2: {provisioner: ebs", "no case uses class gp22"),
    ("  gp2: {provisioner: ebs", "  Gp2: {}\n  gp2: {provisioner: ebs", "\"Gp2\" cannot be a name in Kubernetes"),
    ("  gp2: {provisioner: ebs", "  gp2: {}\n  gp2: {provisioner: ebs", "stands twice"),
    ("  gp2: {provisioner: ebs", "  gone: null\n  gp2: {provisioner: ebs", "no case uses class gone"),
    // volumes
    (
        "  db/data-pg-0: {class: gp2, m",
        "  data-pg-0: {class: gp2, m",
        "invalid volume \"data-pg-0\"; write namespace/claim",
    ),
    ("  db/data-pg-0: {class: gp2, m", "  db/data/pg-0: {class: gp2, m", "invalid volume \"db/data/pg-0\""),
    ("  db/data-pg-0: {class: gp2, m", "  /data-pg-0: {class: gp2, m", "cannot be a name in Kubernetes"),
    ("  db/data-pg-0: {class: gp2, m", "  db/data_pg: {class: gp2, m", "cannot be a name in Kubernetes"),
    ("{class: gp2, modes", "{clas: gp2, modes", "did you mean class?"),
    ("{class: gp2, modes", "{storageClass: gp2, modes", "a volume has no key storageClass"),
    ("{class: gp2, modes", "{class: gp, modes", "unknown class gp, did you mean gp2?"),
    ("{class: gp2, modes", "{class: [gp2], modes", "class is a text"),
    ("modes: [RWO], size", "mods: [RWO], size", "did you mean modes?"),
    ("modes: [RWO], size", "modes: [RW0], size", "unknown access mode \"RW0\""),
    ("modes: [RWO], size", "modes: [], size", "at least one access mode"),
    ("modes: [RWO], size", "modes: {RWO: true}, size", "modes is a list"),
    ("size: 100Gi", "sise: 100Gi", "did you mean size?"),
    ("size: 100Gi", "size: 100GB", "\"100GB\" is not a quantity"),
    ("size: 100Gi", "size: 100m", "100m are thousandths of a byte, did you mean 100M?"),
    ("size: 100Gi", "size: 100 Gi", "\"100 Gi\" is not a quantity"),
    ("size: 100Gi", "size: -1Gi", "-1Gi"),
    ("size: 100Gi", "size: 10Gi", "40Gi are used of db/data-pg-0, which has a size of 10Gi only"),
    ("used: 40Gi", "used: 400Gi", "400Gi are used of db/data-pg-0, which has a size of 100Gi only"),
    ("used: 40Gi", "used: 40%", "is not a quantity"),
    ("by: sts/pg", "by: stst/pg", "invalid consumer \"stst/pg\""),
    ("by: sts/pg", "by: pg", "invalid consumer \"pg\""),
    ("by: sts/pg", "by: StatefulSets/pg", "unknown kind StatefulSets, did you mean StatefulSet?"),
    ("by: sts/pg", "by: sts/pg/0", "invalid"),
    ("by: sts/pg", "by: sts/PG", "\"PG\" cannot be a name in Kubernetes"),
    ("by: sts/pg", "by: sts/pg pendng", "invalid consumer"),
    ("by: sts/pg", "by: sts/pg*0", "invalid consumer"),
    ("by: sts/pg", "by: sts/pg*x", "invalid consumer"),
    ("by: sts/pg", "by: {sts: pg}", "by is a list"),
    ("by: sts/pg", "by: po/pg*2", "invalid consumer"),
    ("by: sts/pg", "by: [sts/pg, sts/pg]", "mounts the claim already"),
    ("by: sts/pg", "by: Secret/pg", "unknown kind Secret"),
    ("by: sts/pg", "by: sts/pg@n pending", "a pod that is pending is on no node"),
    ("labels: {app: pg}", "lables: {app: pg}", "did you mean labels?"),
    ("labels: {app: pg}", "labels: [app]", "labels is a mapping"),
    ("labels: {app: pg}", "labels: {app: 1}", "app is a text; write \"1\" in quotes"),
    ("effectiveModes: [RWX]", "effectivemodes: [RWX]", "did you mean effectiveModes?"),
    ("effectiveModes: [RWX]", "effectiveModes: [RWX], phase: Pending", "no effective modes"),
    ("effectiveModes: [RWX]", "driver: d, phase: Pending", "has no driver"),
    ("volumeMode: Filesystem", "volumeMode: File", "File"),
    ("volumeMode: Filesystem", "volumeMode: block", "block"),
    ("phase: Pending", "phase: pending", "did you mean Pending?"),
    ("phase: Pending", "phase: Released", "unknown phase \"Released\""),
    ("phase: Pending", "status: Pending", "a volume has no key status"),
    ("phase: Pending", "phase: Bound, volume: null", "a claim that is Bound has a volume"),
    ("created: 2026-01-01T00:00:00Z}", "created: 2026-01-01 00:00}", "invalid time"),
    ("created: 2026-01-01T00:00:00Z}", "creation: 2026-01-01T00:00:00Z}", "a volume has no key creation"),
    ("created: 2026-01-01T00:00:00Z}", "facts: {pvmigrate.dev/ownr: Pod/x}}", "did you mean pvmigrate.dev/owner?"),
    ("created: 2026-01-01T00:00:00Z}", "facts: {pvmigrate.dev/owner: x}}", "invalid owner \"x\""),
    ("created: 2026-01-01T00:00:00Z}", "facts: {pvmigrate.dev/deleting: \"yes\"}}", "is \"true\" or null"),
    // objects
    ("  PersistentVolumeClaim ops/logs:\n", "  PersistentVolumeClaim logs:\n", "has no namespace; write"),
    ("  PersistentVolumeClaim ops/logs:\n", "  PersistentVolumeClaim ops/logs/x:\n", "invalid object"),
    (
        "  PersistentVolumeClaim ops/logs:\n",
        "  PersistentVolumeClam ops/logs:\n",
        "did you mean PersistentVolumeClaim?",
    ),
    ("  PersistentVolumeClaim ops/logs:\n", "  PersistentVolumeClaim/logs:\n", "did you mean PersistentVolumeClaim?"),
    (
        "  PersistentVolumeClaim ops/logs:\n",
        "  ResourceQuota ops/logs:\n",
        "no policy that is tested here looks anything up",
    ),
    // what a case changes
    ("  given: {ops/logs:", "  given: {ops/log:", "unknown volume ops/log, did you mean ops/logs?"),
    ("  given: {ops/logs:", "  given: {ops/logs/x:", "unknown volume ops/logs/x"),
    ("  given: {ops/logs: {size: 1Gi}}", "  given: {ops/logs: {siz: 1Gi}}", "did you mean size?"),
    ("  given: {ops/logs: {size: 1Gi}}", "  given: [ops/logs]", "given is a mapping"),
    (
        "    StatefulSet db/pg: {m",
        "    StatefulSet db/gp: {m",
        "unknown object StatefulSet db/gp, did you mean StatefulSet db/pg?",
    ),
    (
        "    StatefulSet db/pg: {m",
        "    StatefulSet pg: {m",
        "StatefulSet pg has no namespace, did you mean StatefulSet db/pg?",
    ),
    ("    StatefulSet db/pg: {m", "    StatefullSet db/pg: {m", "did you mean StatefulSet?"),
    (
        "    StatefulSet db/pg: {metadata",
        "    PersistentVolume db/pg: {metadata",
        "a PersistentVolume is in no namespace",
    ),
    ("{metadata: {labels: {tier: gold}}}", "{metadata: {labels: {tier: 1}}}", "metadata.labels"),
    ("{metadata: {labels: {tier: gold}}}", "{spec: {replicas: many}}", "spec.replicas"),
    (
        "{metadata: {labels: {tier: gold}}}",
        "{apiVersion: apps/v2}",
        "there is no StatefulSet of apps/v2, did you mean apps/v1?",
    ),
    ("{metadata: {labels: {tier: gold}}}", "gold", "is a mapping"),
    ("given: {fast-ssd: {ann", "given: {fast-sd: {ann", "unknown class fast-sd, did you mean fast-ssd?"),
    ("other: $value", "other: $vale", "the matrix has no $vale, did you mean $value?"),
    ("other: $value", "other: value", "nothing in the case uses $value"),
    ("[\"true\", \"false\"]", "[]", "value"),
    ("[\"true\", \"false\"]", "\"true\"", "is a list"),
    // the form of YAML
    ("  web/cache: {class", "   web/cache: {class", ""),
    ("  given: {ops", "   given: {ops", ""),
    ("  given: {ops", " \tgiven: {ops", ""),
    ("    findings: any", "    findings: any\n    findings: none", "stands twice"),
    ("source: gp2", "source: gp2\nsource: gp2", "stands twice"),
    ("environment: prod", "environment: 'prod", ""),
    ("settings: {label: keep}", "settings: {label: keep", ""),
    ("environment: prod", "environment: *prod", ""),
    ("environment: prod", "environment prod", ""),
];

fn read(text: &str, policy: &Arc<Policy>) -> Result<ExitMeaning, TestkitError> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.test.yaml"), text).expect("a file");
    run_loaded(policy, folder.path(), &Options::default()).map(|report| report.meaning())
}

/// Returns the line of the first byte in which two texts differ, from 1.
fn line_of_change(right: &str, wrong: &str) -> usize {
    let same = right.bytes().zip(wrong.bytes()).take_while(|(one, other)| one == other).count();
    right[..same].matches('\n').count() + 1
}

#[test]
fn none_of_these_passes() {
    let policy = Arc::new(Policy::open(Path::new(&built("keep-and-cap")), &Limits::default()).expect("a policy"));
    let right = read(VOTES, &policy).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(right, ExitMeaning::Passed, "the file itself is right");
    let mut passed = Vec::new();
    for (from, to, expected) in SLIPS {
        assert!(VOTES.contains(from), "{from} is not in the file");
        let text = VOTES.replacen(from, to, 1);
        let line = line_of_change(VOTES, &text);
        match read(&text, &policy) {
            Ok(meaning) => passed.push(format!("{from:?} -> {to:?}: {meaning:?}")),
            Err(error) => {
                let message = error.to_string();
                let at: Option<usize> =
                    message.split("x.test.yaml:").nth(1).and_then(|rest| rest.split(':').next()?.parse().ok());
                // A key that is missing is reported where its mapping begins, and what is no YAML where the reader notices it.
                let is_near = at.is_some_and(|at| at.abs_diff(line) <= 2 || expected.is_empty() && at >= line);
                if error.meaning() != ExitMeaning::BadUsage || !message.contains(expected) || !is_near {
                    passed.push(format!("{from:?} -> {to:?} (line {line}), expected {expected:?}: {message}"));
                }
            }
        }
    }
    assert!(passed.is_empty(), "{} of {}:\n{}", passed.len(), SLIPS.len(), passed.join("\n"));
}
