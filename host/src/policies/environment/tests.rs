//! Every mistake in a configuration file is found, with its place; the schema knows the same keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use jiff::civil::date;

use super::*;

const GOOD: &str = "\
apiVersion: pvmigrate.dev/config/v1
environments:
  prod:
    policies:
    - module: keep.wasm
      digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      settings:
        label: a/b
        sizes: [1, {max: 2}]
      limits: {memory: 64Mi, fuel: 1M, fuelPerVolume: 5000, wall: 1500ms, log: 1Ki, findings: 10, component: 1Mi}
    - module: oci://registry.example.com/cap:1
    - module: builtin
    waivers:
    - {code: too-large, policy: cap, subject: db/data, until: 2026-12-31, reason: moved by hand}
  empty:
";

fn read(text: &str, name: &str) -> Result<Environment, Mistake> {
    Environment::parse(Path::new("conf/pvmigrate.yaml"), text, name)
}

#[test]
fn everything_is_read() {
    let prod = read(GOOD, "prod").unwrap();
    let [keep, cap, built_in] = prod.policies.as_slice() else { panic!("{:?}", prod.policies) };
    assert_eq!(keep.module, Module::File { path: "conf/keep.wasm".into(), digest: None });
    assert_eq!(keep.digest, Some(Digest::of(b"")));
    assert_eq!(keep.settings, serde_json::json!({"label": "a/b", "sizes": [1, {"max": 2}]}));
    assert_eq!(keep.settings_place("/sizes/1/max").to_string(), "conf/pvmigrate.yaml:9:21");
    assert_eq!(keep.limits.memory_bytes, 64 << 20);
    assert_eq!((keep.limits.fuel_base, keep.limits.fuel_per_volume), (1_000_000, 5_000));
    assert_eq!(keep.limits.wall.as_millis(), 1_500);
    assert_eq!((keep.limits.log_bytes, keep.limits.findings, keep.limits.component_bytes), (1 << 10, 10, 1 << 20));
    assert_eq!(cap.limits, Limits::default());
    assert_eq!(cap.settings_place("/x").to_string(), "conf/pvmigrate.yaml:11:15");
    assert_eq!(built_in.module, Module::BuiltIn);
    assert_eq!(prod.waivers[0].until, date(2026, 12, 31));
    let empty = read(GOOD, "empty").unwrap();
    assert!(empty.policies.is_empty() && empty.waivers.is_empty());
}

#[test]
fn the_same_policy_twice_is_a_warning() {
    assert_eq!(read(GOOD, "prod").unwrap().repeated(), Vec::<String>::new());
    let twice = GOOD.replace("oci://registry.example.com/cap:1", "./keep.wasm");
    let twice = twice.replace("./keep.wasm", "keep.wasm");
    assert_eq!(
        read(&twice, "prod").unwrap().repeated(),
        ["conf/pvmigrate.yaml:11:15: environment prod has conf/keep.wasm twice, and it is asked twice; \
          the first is at line 5; leave one out"]
    );
}

#[test]
fn each_mistake_is_named_with_its_place_and_what_was_meant() {
    for (from, to, expected) in [
        ("config/v1", "config/v2", ":1:13: unknown apiVersion"),
        ("environments:", "enviroments:", ":2:1: the file has no key enviroments, did you mean environments?"),
        ("    policies:", "    polices:", ":4:5: an environment has no key polices, did you mean policies?"),
        ("settings:", "setings:", ":7:7: a policy has no key setings, did you mean settings?"),
        ("module: keep.wasm", "module:", "a policy needs the key module"),
        ("module: oci://registry.example.com/cap:1", "module: oci://registry", ":11:15: "),
        ("e3b0", "E3B0", ":6:15: "),
        ("memory: 64Mi", "memory: 64Mo", ":10:24: memory: invalid quantity \"64Mo\""),
        ("memory: 64Mi", "memory: 64Ti", ":10:24: memory: 64Ti is more than the maximum, 4Gi"),
        ("fuel: 1M", "fuel: 0", "fuel must not be 0"),
        ("wall: 1500ms", "wall: 1500", "wall must be a duration"),
        ("wall: 1500ms", "wall: 11m", "wall must be a duration"),
        ("fuelPerVolume:", "fuelPerVolumes:", "did you mean fuelPerVolume?"),
        ("until: 2026-12-31", "until: 2026-02-30", "invalid date"),
        ("until: 2026-12-31", "until: 2026-12-31T00:00:00", "invalid date"),
        ("reason: moved by hand", "reason: ''", "reason is empty"),
        (", reason: moved by hand", "", ":14:7: a waiver needs the key reason"),
        ("subject: db/data", "subjects: db/data", "did you mean subject?"),
        (
            "    - module: builtin\n",
            "    - module: builtin\n    - module: late.wasm\n",
            ":12:7: the built-in policy always comes last",
        ),
        (
            "    - module: builtin\n",
            "    - {module: builtin, limits: {fuel: 1M}}\n",
            "limits of the built-in policy are fixed",
        ),
        ("  empty:\n", "  empty: [x]\n", ":15:10: an environment is a mapping, and this is a list"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replacen(from, to, 1), "prod").unwrap_err().to_string();
        assert!(error.starts_with("conf/pvmigrate.yaml:") && error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn an_environment_that_is_not_there_is_an_error_with_the_nearest_name() {
    let error = read(GOOD, "pord").unwrap_err().to_string();
    assert!(
        error.contains("environment \"pord\" not found, did you mean prod?; the file defines: prod, empty"),
        "{error}"
    );
}

/// Collects the keys of each object in the schema.
fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let object = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    assert_eq!(object["additionalProperties"], false, "{pointer}");
    object["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema: Value = serde_json::from_str(schema()).unwrap();
    let own = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&schema, ""), own(FILE_SHAPE.keys));
    assert_eq!(keys(&schema, "/$defs/environment"), own(ENVIRONMENT.keys));
    assert_eq!(keys(&schema, "/$defs/policy"), own(POLICY.keys));
    assert_eq!(keys(&schema, "/$defs/limits"), own(limits::SHAPE.keys));
    assert_eq!(keys(&schema, "/$defs/waiver"), own(WAIVER.keys));
    assert_eq!(schema["properties"]["apiVersion"]["const"], API_VERSION);
    // What is required in the one must be required in the other.
    for (pointer, keys) in [("", FILE_SHAPE.keys), ("/$defs/policy", &["module"]), ("/$defs/waiver", WAIVER.keys)] {
        let required = schema.pointer(pointer).unwrap()["required"].as_array().unwrap();
        let required: BTreeSet<String> = required.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        assert_eq!(required, own(keys), "{pointer}");
    }
}
