//! Seeded mistakes: slips of the pen in `pvmigrate.yaml`, one at a time. None may pass, and each is reported at its line.

use crate::{command, finish, path_text, repository};

const CONFIG: &str = "\
apiVersion: pvmigrate.dev/config/v1
environments:
  prod:
    policies:
    - module: cap.wasm
      digest: DIGEST
      settings: {label: stays}
      limits: {fuel: 300M, wall: 5s, memory: 128Mi}
    - module: builtin
    waivers:
    - code: over-max-size
      policy: keep-and-cap
      subject: app/data
      until: 2999-12-31
      reason: grows later
  staging:
";

const CASES: &str = "
apiVersion: pvmigrate.dev/policy-test/v1
source: gp2
target: ssd
classes: {gp2: {}, ssd: {}}
volumes: {app/data: {class: gp2}}
cases:
- name: it moves
  expect: {select: {app/data: migrate}}
";

/// What is right, what is typed in its place, and a part of the message.
const SLIPS: &[(&str, &str, &str)] = &[
    ("apiVersion: pv", "apiversion: pv", "did you mean apiVersion?"),
    ("config/v1", "config/v2", "unknown apiVersion"),
    ("config/v1", "policy-test/v1", "unknown apiVersion"),
    ("environments:\n", "environment:\n", "did you mean environments?"),
    ("environments:\n", "enviroments:\n", "did you mean environments?"),
    ("  prod:\n", "  pord:\n", "did you mean pord?"),
    ("  prod:\n", "  Prod:\n", "did you mean Prod?"),
    ("    policies:\n", "    policy:\n", "has no key policy"),
    ("    policies:\n", "    polices:\n", "did you mean policies?"),
    ("    waivers:\n", "    waiver:\n", "did you mean waivers?"),
    ("    waivers:\n", "    waive:\n", "did you mean waivers?"),
    ("- module: cap.wasm", "- modul: cap.wasm", "did you mean module?"),
    ("- module: cap.wasm", "- policy: cap.wasm", "has no key policy"),
    ("- module: cap.wasm", "- module: \"\"", "module is empty"),
    ("- module: cap.wasm", "- module: [cap.wasm]", "module is a text"),
    ("- module: cap.wasm", "- module: cpa.wasm", "cpa.wasm"),
    ("- module: cap.wasm", "- module: cap.wasn", "cap.wasn"),
    ("- module: cap.wasm", "- module: builtin", "limits of the built-in policy"),
    ("      digest: DIGEST", "      digset: DIGEST", "did you mean digest?"),
    ("      digest: DIGEST", "      digest: sha256:12", "sha256:12"),
    ("      digest: DIGEST", "      digest: 12", "digest"),
    ("      digest: DIGEST", "      digest: \"\"", "digest is empty"),
    ("      settings: {l", "      setting: {l", "did you mean settings?"),
    ("{label: stays}", "{lable: stays}", "did you mean label?"),
    ("{label: stays}", "{label: 5}", "label"),
    ("{label: stays}", "[label]", "settings is a mapping"),
    ("{label: stays}", "label", "settings is a mapping"),
    ("      limits: {f", "      limit: {f", "did you mean limits?"),
    ("fuel: 300M", "feul: 300M", "did you mean fuel?"),
    ("fuel: 300M", "fuel: 300m", "did you mean 300M?"),
    ("fuel: 300M", "fuel: much", "much"),
    ("fuel: 300M", "fuel: -1", "fuel"),
    ("wall: 5s", "wall: 5", "wall"),
    ("wall: 5s", "wall: 5 x", "wall must be a duration"),
    ("wall: 5s", "time: 5s", "has no key time"),
    ("wall: 5s", "wall: soon", "wall must be a duration"),
    ("memory: 128Mi", "memory: 128MB", "128MB"),
    ("memory: 128Mi", "mem: 128Mi", "has no key mem"),
    ("    - module: builtin\n", "    - module: buitlin\n", "buitlin"),
    ("code: over-max-size", "cod: over-max-size", "did you mean code?"),
    ("code: over-max-size", "code: \"\"", "code is empty"),
    ("policy: keep-and-cap", "polcy: keep-and-cap", "did you mean policy?"),
    ("policy: keep-and-cap", "policies: keep-and-cap", "a waiver has no key policies"),
    ("subject: app/data", "subjct: app/data", "did you mean subject?"),
    ("subject: app/data", "subject: 5", "subject is a text"),
    ("until: 2999-12-31", "until: 2999-02-30", "2999-02-30"),
    ("until: 2999-12-31", "until: 31.12.2999", "31.12.2999"),
    ("until: 2999-12-31", "until: 2999-12-31T00:00:00Z", "2999-12-31T00:00:00Z"),
    ("until: 2999-12-31", "untl: 2999-12-31", "did you mean until?"),
    ("reason: grows later", "reason: \" \"", "reason is empty"),
    ("      reason: grows later\n", "", "needs the key reason"),
    ("      subject: app/data\n", "", "needs the key subject"),
    ("  staging:\n", "  prod:\n", "stands twice"),
    ("  staging:\n", "  staging: []\n", "an environment is a mapping"),
    ("  staging:\n", "  staging: {policies: cap.wasm}\n", "policies is a list"),
    ("  staging:\n", "\tstaging:\n", ""),
    ("    policies:\n", "   policies:\n", ""),
    ("settings: {label: stays}", "settings: {label: stays", ""),
    ("reason: grows later", "reason: \"grows later", ""),
];

#[test]
fn none_of_these_passes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(repository("policies/dist/keep-and-cap.wasm"), folder.path().join("cap.wasm")).unwrap();
    std::fs::write(folder.path().join("one.test.yaml"), CASES).unwrap();
    let inspected = crate::pvmigrate(&["policy", "inspect", path_text(&folder.path().join("cap.wasm")), "-o", "json"]);
    let right = CONFIG.replace("DIGEST", inspected.json()["policy"]["digest"].as_str().unwrap());
    let run = |text: &str| {
        std::fs::write(folder.path().join("pvmigrate.yaml"), text).unwrap();
        let mut command = command(&["policy", "test", "--environment", "prod", "one.test.yaml"]);
        finish(command.current_dir(folder.path()).env_remove("CI"))
    };
    let ran = run(&right);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let mut passed = Vec::new();
    for (from, to, expected) in SLIPS {
        let from = from.replace("DIGEST", inspected.json()["policy"]["digest"].as_str().unwrap());
        let text = right.replacen(&from, to, 1);
        assert_ne!(text, right, "{from}");
        let same = right.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
        let line = right[..same].matches('\n').count() + 1;
        let ran = run(&text);
        let at = ran.err.split("pvmigrate.yaml:").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        // A key that is missing is reported where its mapping begins, a name that nothing has where the names are.
        let is_near = at.is_some_and(|at| at.abs_diff(line) <= 4 || expected.is_empty() && at >= line);
        if ran.code != 2 || !ran.err.contains(expected) || !is_near {
            passed.push(format!("{from:?} -> {to:?} (line {line}): {} {}{}", ran.code, ran.out, ran.err));
        }
    }
    assert!(passed.is_empty(), "{} of {}:\n{}", passed.len(), SLIPS.len(), passed.join("\n"));
}
