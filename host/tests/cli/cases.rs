//! What other people's clusters and files hold, on `policy run` and `rehearse` alike: one answer, with its reason.

use serde_json::{Value, json};

use crate::causes::{CLAIM, CLASS_A, CLASS_B, DEPLOYMENT, on};
use crate::{Ran, command, pvmigrate};

const RUN: [&str; 8] = ["policy", "run", "builtin", "--snapshot", "FILE", "--source-sc", "a", "--dest-sc=b"];
const REHEARSE: [&str; 5] = ["rehearse", "FILE", "--source-sc", "a", "--dest-sc=b"];

fn json_of(documents: &[&str], words: &[&str]) -> (i32, Value) {
    let words: Vec<&str> = words.iter().copied().chain(["-o", "json"]).collect();
    let ran = on(documents, &words);
    (ran.code, ran.json())
}

/// Checks which claims move, and which are left out with which code, in both commands.
#[track_caller]
fn assert_alike(documents: &[&str], moves: &[&str], left_out: &[(&str, &str)]) {
    let (code, run) = json_of(documents, &RUN);
    assert_eq!(code, 0, "{run}");
    let verdicts = run["verdicts"].as_array().unwrap().iter();
    let moving: Vec<&str> = verdicts
        .filter(|verdict| verdict["decision"]["selected"] == true)
        .map(|verdict| verdict["name"].as_str().unwrap())
        .collect();
    assert_eq!(moving, moves, "policy run: {run}");
    let (code, rehearsed) = json_of(documents, &REHEARSE);
    assert_eq!(code, 0, "{rehearsed}");
    let groups = rehearsed["groups"].as_array().unwrap().iter();
    let claims = groups.flat_map(|group| group["claims"].as_array().unwrap());
    let mut moved: Vec<&str> = claims.map(|claim| claim["name"].as_str().unwrap()).collect();
    moved.sort_unstable();
    assert_eq!(moved, moves, "rehearse: {rehearsed}");
    for report in [run, rehearsed] {
        let left = report["leftOut"].as_array().unwrap().iter();
        let left: Vec<(&str, &str)> =
            left.map(|left| (left["name"].as_str().unwrap(), left["code"].as_str().unwrap())).collect();
        assert_eq!(left, left_out, "{report}");
    }
}

/// Checks that both commands refuse the input as bad usage, in these words.
#[track_caller]
fn assert_refused(documents: &[&str], words: &[&str]) {
    for command in [&RUN[..], &REHEARSE] {
        let ran = on(documents, command);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{}", ran.err);
    }
}

fn claim(name: &str, metadata: &str, spec: &str, status: &str) -> String {
    format!(
        "\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}, namespace: ns{metadata}}}\nspec: \
         {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}{spec}}}\nstatus: {{{status}}}\n"
    )
}

const BOUND_ONCE: &str = ", annotations: {pv.kubernetes.io/bind-completed: 'yes'}";
const OF_A: &str = ", storageClassName: a";

#[test]
fn the_class_may_stand_in_an_annotation_or_be_the_default() {
    let old = claim("data", ", annotations: {volume.beta.kubernetes.io/storage-class: a}", "", "");
    assert_alike(&[CLASS_A, CLASS_B, &old], &["data"], &[]);
    let default =
        CLASS_A.replace("{name: a}", "{name: a, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}");
    assert_alike(&[&default, CLASS_B, &claim("data", "", "", "")], &["data"], &[]);
}

#[test]
fn a_claim_that_lost_its_volume_is_left_out_and_the_others_move() {
    let lost = [
        claim("gone", BOUND_ONCE, &format!("{OF_A}, volumeName: pv-gone"), "phase: Lost"),
        claim("nameless", BOUND_ONCE, OF_A, ""),
    ];
    let other = "\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv-other}\nspec: {capacity: {storage: 1Gi}, accessModes: \
                 [ReadWriteOnce], storageClassName: a, csi: {driver: d, volumeHandle: o}, claimRef: {namespace: ns, name: other}}\n";
    let bound = claim("other", BOUND_ONCE, &format!("{OF_A}, volumeName: pv-other"), "phase: Bound");
    let documents = [CLASS_A, CLASS_B, &lost[0], &lost[1], other, &bound];
    assert_alike(&documents, &["other"], &[("gone", "lost"), ("nameless", "lost")]);
    let taken = claim("taken", ", uid: mine", &format!("{OF_A}, volumeName: pv-other"), "phase: Bound");
    assert_alike(&[CLASS_A, CLASS_B, other, &taken], &[], &[("taken", "held-by-another")]);
    let earlier = other.replace("name: other}", "name: taken, uid: earlier}");
    assert_alike(&[CLASS_A, CLASS_B, &earlier, &taken], &[], &[("taken", "held-by-another")]);
}

#[test]
fn a_claim_without_a_volume_is_left_out_and_named() {
    let manual = CLASS_A.replace("a.example.com", "kubernetes.io/no-provisioner");
    let wait = claim("wait", "", OF_A, "phase: Pending");
    let data = claim("data", "", &format!("{OF_A}, volumeName: pv-d"), "phase: Bound");
    assert_alike(&[&manual, CLASS_B, &wait, &data], &["data"], &[("wait", "unbound")]);
    let selects = claim("wait", "", &format!("{OF_A}, selector: {{matchLabels: {{disk: one}}}}"), "phase: Pending");
    assert_alike(&[CLASS_A, CLASS_B, &selects, CLAIM, DEPLOYMENT], &["data"], &[("wait", "unbound")]);
    let ran = on(&[CLASS_A, CLASS_B, &selects], &REHEARSE);
    assert!(ran.out.contains("none that is free matches its selector"), "{}", ran.out);
}

#[test]
fn claims_of_a_run_under_way_are_not_asked_about() {
    let helper = |name: &str, kind: &str, class: &str| {
        let marks = format!(", annotations: {{kurl.sh/pvcmigrate: data, kurl.sh/pvcmigrate-kind: {kind}}}");
        claim(name, &marks, &format!(", storageClassName: {class}, volumeName: pv-{name}"), "phase: Bound")
    };
    let (source, dest) = (helper("data-pvcsource", "source", "a"), helper("data-pvcmigrate", "dest", "b"));
    assert_alike(&[CLASS_A, CLASS_B, &source, &dest], &[], &[]);
}

#[test]
fn an_ephemeral_claim_blocks_nobody() {
    let ephemeral = DEPLOYMENT.replace("name: web,", "name: tmp,").replace("app: web", "app: tmp").replace(
        "persistentVolumeClaim: {claimName: data}",
        "ephemeral: {volumeClaimTemplate: {spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}",
    );
    for (words, field) in [(&RUN[..], "verdicts"), (&REHEARSE, "groups")] {
        let (code, report) = json_of(&[CLASS_A, CLASS_B, CLAIM, DEPLOYMENT, &ephemeral], words);
        assert_eq!(code, 0, "{report}");
        assert!(report[field].to_string().contains("\"data\""), "{report}");
        assert_eq!(report["leftOut"][0]["code"], "ephemeral", "{report}");
    }
}

#[test]
fn a_stale_claim_template_is_named_with_the_way_out() {
    let set = |class: &str| {
        format!(
            "\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: ns}}\nspec:\n  replicas: 2\n  \
             serviceName: web\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: c, image: i}}]}}\n  volumeClaimTemplates:\n  - metadata: {{name: data}}\n    spec: \
             {{{class}accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n"
        )
    };
    let ran = on(&[CLASS_A, CLASS_B, &set("storageClassName: a, ")], &REHEARSE);
    assert!(ran.code == 0 && ran.out.contains("StatefulSet ns/web names StorageClass a"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("--cascade=orphan"), "{}", ran.out);
    let default =
        CLASS_A.replace("{name: a}", "{name: a, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}");
    let (_, report) = json_of(&[&default, CLASS_B, &set("")], &REHEARSE);
    let stale = json!([{"namespace": "ns", "statefulSet": "web", "template": "data", "namesClass": false}]);
    assert_eq!(report["staleTemplates"], stale, "{report}");
    let words: Vec<&str> = REHEARSE.iter().copied().chain(["--set-defaults"]).collect();
    let (_, report) = json_of(&[&default, CLASS_B, &set("")], &words);
    assert_eq!(report["staleTemplates"], json!([]), "the default moves with the claims: {report}");
}

#[test]
fn a_mode_of_the_future_is_named_as_unknown() {
    for mode in ["ReadWriteExtraMany", "ReadWriteOnce, ReadAnywhere"] {
        let claim = CLAIM.replace("ReadWriteOnce", mode);
        for words in [&RUN[..], &REHEARSE] {
            let ran = on(&[CLASS_A, CLASS_B, &claim, DEPLOYMENT], words);
            let unknown = mode.rsplit(", ").next().unwrap();
            let message = format!("it asks for access mode {unknown}, which this version of pvmigrate does not know");
            assert!(ran.code == 1 && ran.out.contains(&message), "{}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn what_charts_and_shells_write_is_read() {
    let nulls = CLAIM.replace("namespace: ns}", "namespace: ns, labels: , annotations: , creationTimestamp: null}");
    assert_alike(
        &[CLASS_A, CLASS_B, &nulls, &DEPLOYMENT.replace("    spec:\n", "    spec:\n      initContainers:\n")],
        &["data"],
        &[],
    );
    for size in ["8589934592", "1e9", "1.5"] {
        assert_alike(&[CLASS_A, CLASS_B, &CLAIM.replace("1Gi", size)], &["data"], &[]);
    }
    let old =
        DEPLOYMENT.replace("apps/v1", "extensions/v1beta1").replace("  selector: {matchLabels: {app: web}}\n", "");
    let ran = on(&[CLASS_A, CLASS_B, CLAIM, &old], &REHEARSE);
    assert!(ran.code == 0 && ran.err.contains("stopping Deployment web"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_cannot_be_read_is_refused_with_file_object_and_field() {
    let sizeless = CLAIM.replace("  resources: {requests: {storage: 1Gi}}\n", "");
    let words = ["all.yaml: document 3: PersistentVolumeClaim ns/data: spec.resources.requests.storage is missing"];
    assert_refused(&[CLASS_A, CLASS_B, &sizeless, DEPLOYMENT], &words);
    let twice = CLAIM.replace("namespace: ns}", "namespace: ns, namespace: ns}");
    assert_refused(&[CLASS_A, CLASS_B, &twice], &["the key \"namespace\" stands twice"]);
    assert_refused(&[CLASS_A, CLASS_B, CLAIM, CLAIM], &["PersistentVolumeClaim ns/data is already defined"]);
    let labels = CLAIM.replace("namespace: ns}", "namespace: ns, labels: {on: true}}");
    assert_refused(&[CLASS_A, CLASS_B, &labels], &["ns/data: metadata.labels.on: ", "put it in quotes"]);
    assert_refused(&["# nothing\n"], &["holds no Kubernetes object"]);
    assert_refused(&[CLASS_A, "\nsettings: {}\n"], &["document 2: not a Kubernetes object"]);
}

fn with_input(words: &[&str], input: &[u8]) -> Ran {
    let mut child = command(words)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

#[test]
fn standard_input_and_other_encodings_are_read() {
    let text = [CLASS_A, CLASS_B, CLAIM, DEPLOYMENT].join("---\n");
    let utf_16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let dashed = |words: &[&'static str]| -> Vec<&'static str> {
        words.iter().map(|word| if *word == "FILE" { "-" } else { word }).collect()
    };
    for input in [text.as_bytes(), &utf_16] {
        let ran = with_input(&dashed(&RUN), input);
        assert!(ran.code == 0 && ran.out.contains("1 of 1 claim would move"), "{}{}", ran.out, ran.err);
        let ran = with_input(&dashed(&REHEARSE), input);
        assert!(ran.code == 0 && ran.out.contains("ns/data"), "{}{}", ran.out, ran.err);
    }
    let ran = with_input(&dashed(&REHEARSE), b"");
    assert!(ran.code == 2 && ran.err.contains("standard input holds no Kubernetes object"), "{}", ran.err);
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    for words in [&RUN[..], &REHEARSE] {
        let words: Vec<&str> = words.iter().copied().chain(["--namespace", "nss"]).collect();
        let ran = on(&[CLASS_A, CLASS_B, CLAIM], &words);
        assert!(ran.code == 2 && ran.err.contains("nss"), "{}{}", ran.out, ran.err);
    }
    assert_eq!(pvmigrate(&["rehearse", "nowhere.yaml", "--source-sc", "a"]).code, 2);
}

#[test]
fn one_blocked_group_does_not_keep_the_others_if_the_user_says_so() {
    let bare = "\napiVersion: v1\nkind: Pod\nmetadata: {name: alone, namespace: ns}\nspec: {containers: [{name: c, image: i}], \
                volumes: [{name: v, persistentVolumeClaim: {claimName: mine}}]}\n";
    let documents = [CLASS_A, CLASS_B, CLAIM, DEPLOYMENT, &claim("mine", "", OF_A, ""), bare];
    let ran = on(&documents, &REHEARSE);
    assert!(
        ran.code == 1 && ran.err.contains("nothing keeps 1 group of 2 from starting: add --skip-blocked"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("stopping"), "{}", ran.err);
    let words: Vec<&str> = REHEARSE.iter().copied().chain(["--skip-blocked"]).collect();
    let ran = on(&documents, &words);
    assert!(ran.code == 1 && ran.err.contains("ns/data: migrated"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("not started in namespace ns: mine") && ran.out.contains("bare-pod"), "{}", ran.out);
    let (_, report) = json_of(&documents, &words);
    let outcomes: Vec<&Value> = report["groups"].as_array().unwrap().iter().map(|group| &group["outcome"]).collect();
    assert_eq!(outcomes, ["migrated", "not-begun"], "{report}");
}
