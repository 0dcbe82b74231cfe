//! P2: A policy sees the claims that it is asked about and the kinds that it declares, and never Secrets.

use std::sync::Arc;

use pvmigrate_core::policy::{Collected, Kind, Question, Vote};
use pvmigrate_policy::{FailureKind, Function};
use serde_json::json;

use super::hostile::{described, hostile, limits, misbehaving};

/// Returns the outcome of a look-up, in the policy's own words; everything of these kinds was collected for somebody
/// else.
fn looked_up(deed: &str) -> String {
    let mut collected = Collected::default();
    for kind in ["ConfigMap", "Node", "Secret"] {
        let object = json!({"metadata": {"namespace": "app", "name": "settings"}, "data": {"a": "b"}});
        collected.put(Kind::new("v1", kind), vec![object]);
    }
    let question = Question { collected: Arc::new(collected), ..misbehaving(Function::SELECT, deed) };
    let answered = hostile().select(&question).unwrap_or_else(|failure| panic!("{failure}")).expect("it votes");
    let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
    reason.message.clone()
}

#[test]
fn what_is_not_declared_is_not_answered() {
    assert_eq!(looked_up("get"), r#"{"data":{"a":"b"},"metadata":{"name":"settings","namespace":"app"}}"#);
    assert_eq!(looked_up("find"), "1 found");
    for deed in ["get-undeclared", "get-secret", "get-other-version", "find-undeclared"] {
        assert_eq!(looked_up(deed), "not declared", "{deed}");
    }
}

#[test]
fn a_missing_kind_is_not_an_empty_one() {
    let question = misbehaving(Function::SELECT, "find");
    let answered = hostile().select(&question).expect("an answer").expect("it votes");
    let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
    assert!(reason.message.starts_with("not collected: "), "{}", reason.message);
}

#[test]
fn a_policy_that_needs_secrets_is_not_loaded() {
    for deed in
        ["need-secret", "need=v1=Secret", "need=v1=secret", "need=v1=SECRET", "need=v2=Secret", "need=x.io/v1=sEcReT"]
    {
        let failure = described(deed, &limits()).expect_err(deed);
        assert!(
            matches!(&failure.kind, FailureKind::BadInfo(what) if what.contains("no policy gets to see")),
            "{failure}"
        );
    }
}

#[test]
fn a_need_is_a_kind_and_not_a_way_to_another_path() {
    for deed in [
        "need=v1=",
        "need==Node",
        "need=v1=Secret/x",
        "need=v1=../secrets",
        "need=../v1=Node",
        "need=v1/..=Node",
        "need=a/../v1=Node",
        "need=a/b/v1=Node",
        "need=/v1=Node",
        "need=v1/=Node",
        "need=v1?x=Node",
        "need=a..b/v1=Node",
        "need=v1%2f=Node",
        "need-escape",
        "need-nameless",
    ] {
        let failure = described(deed, &limits()).expect_err(deed);
        assert!(
            matches!(&failure.kind, FailureKind::BadInfo(what) if what.ends_with("is not a valid kind")),
            "{deed}: {failure}"
        );
    }
    for deed in ["need=v1=Node", "need=apps/v1=ReplicaSet", "need=a-b.io/v1b2=X9"] {
        let policy = described(deed, &limits()).unwrap_or_else(|failure| panic!("{deed}: {failure}"));
        assert_eq!(policy.info().needs.len(), 1);
    }
}

#[test]
fn describe_sees_nothing_at_all() {
    let policy = described("get", &limits()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(policy.info().summary, "not declared");
}
