//! Reviews of the own account.

use std::collections::BTreeSet;

use pvmigrate_cluster::rbac::Subject;
use pvmigrate_cluster::{Error, Missing, Need, Reviewed, account, permissions, review};
use pvmigrate_core::policy::Kind;
use pvmigrate_rehearsal::{Faults, Handle};

use crate::stage::{SHOP, Stage};

fn all() -> BTreeSet<Need> {
    Need::ALL.into()
}

async fn reviewed(forbid: &[(&str, &str)], looked_up: &[Kind]) -> (Result<Reviewed, Error>, Handle) {
    let stage = Stage::new().await;
    let forbid = forbid.iter().map(|(verb, resource)| ((*verb).to_owned(), (*resource).to_owned())).collect();
    let (connection, handle) = stage.faulty(Faults { forbid, ..Faults::default() });
    let reviewed = review(&connection.client, &all(), looked_up, Some(SHOP)).await;
    if reviewed.is_ok() {
        assert_eq!(connection.requests.reviews(), handle.reviews());
    }
    (reviewed, handle)
}

fn text(missing: &Missing) -> String {
    let namespace = missing.namespace.as_deref().unwrap_or("-");
    format!("{} {}.{} {namespace}", missing.verbs.join(","), missing.resource, missing.group)
}

#[tokio::test]
async fn what_an_account_may_not_do_is_found_by_one_review_a_verb() {
    let forbid = [("get", "pods/log"), ("delete", "persistentvolumes"), ("*", "configmaps")];
    let (reviewed, handle) = reviewed(&forbid, &[]).await;
    let missing: Vec<String> = reviewed.unwrap().missing(&all()).iter().map(text).collect();
    assert_eq!(
        missing,
        ["get pods/log. shop", "get,list,watch,create,update,delete configmaps. shop", "delete persistentvolumes. -"]
    );
    let verbs: usize = permissions().iter().map(|row| row.verbs.len()).sum();
    assert_eq!(handle.reviews(), verbs as u64);
    assert_eq!((handle.writes(), handle.requests().len()), (0, 0), "reviews are neither");
}

#[tokio::test]
async fn what_policies_look_up_is_asked_for_by_the_name_that_the_cluster_has_for_it() {
    let kinds = [Kind::new("v1", "Endpoints"), Kind::new("v1", "Node"), Kind::new("acme.example.com/v1", "Gadget")];
    let (reviewed, _) = reviewed(&[("list", "endpoints"), ("list", "nodes")], &kinds).await;
    let missing: Vec<String> = reviewed.unwrap().missing(&all()).iter().map(text).collect();
    assert_eq!(missing, ["list endpoints. shop", "list nodes. -"], "a kind that does not exist takes no permission");
}

#[tokio::test]
async fn an_account_that_may_not_ask_is_told_so_by_the_first_refusal() {
    let (reviewed, handle) = reviewed(&[("create", "selfsubjectaccessreviews")], &[]).await;
    let error = reviewed.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error}");
    let words = "not allowed to create selfsubjectaccessreviews: selfsubjectaccessreviews.authorization.k8s.io is \
                 forbidden: User \"rehearsal\" cannot create resource \"selfsubjectaccessreviews\"";
    assert!(error.to_string().starts_with(words), "{error}");
    assert!(handle.reviews() <= 8, "no more than were under way: {}", handle.reviews());
}

#[tokio::test]
async fn an_account_is_called_what_the_cluster_calls_it() {
    let stage = Stage::new().await;
    let found = account(&stage.connection().client).await.unwrap();
    assert_eq!(found, Some(Subject::User("rehearsal".to_owned())));
    let forbid = vec![("create".to_owned(), "selfsubjectreviews".to_owned())];
    let (connection, _) = stage.faulty(Faults { forbid, ..Faults::default() });
    assert_eq!(account(&connection.client).await.unwrap(), None);
}
