//! Reviews of the account that asks. The stage's account may do everything; what another may not is the fault layer's to say.

use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};

use crate::stage::{Stage, refusal};

fn reviews(stage: &Stage) -> Api<SelfSubjectAccessReview> {
    Api::all(stage.client.clone())
}

fn review(stage: &Stage, resource: &str, subresource: Option<&str>) -> SelfSubjectAccessReview {
    let attributes = ResourceAttributes {
        namespace: Some(stage.namespace.clone()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        verb: Some("get".to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    SelfSubjectAccessReview { spec, ..Default::default() }
}

pub async fn an_account_asks_what_it_may_do(stage: &Stage) {
    for asked in [review(stage, "pods", None), review(stage, "pods", Some("log"))] {
        let answered = reviews(stage).create(&PostParams::default(), &asked).await.unwrap();
        assert_eq!(answered.spec, asked.spec, "what was asked comes back");
        let status = answered.status.unwrap();
        assert!(status.allowed);
        assert_eq!((status.denied.unwrap_or_default(), status.evaluation_error), (false, None));
    }
}

pub async fn a_review_of_nothing_is_refused(stage: &Stage) {
    let nothing = SelfSubjectAccessReview::default();
    let status = refusal(reviews(stage).create(&PostParams::default(), &nothing).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    let words = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    assert!(status.message.contains(words), "{}", status.message);
}

pub async fn a_review_is_kept_nowhere(stage: &Stage) {
    let answered = reviews(stage).create(&PostParams::default(), &review(stage, "pods", None)).await.unwrap();
    assert_eq!((answered.metadata.name, answered.metadata.uid), (None, None));
    assert_eq!(refusal(reviews(stage).list(&ListParams::default()).await).code, 405);
}

pub async fn an_account_asks_who_it_is(stage: &Stage) {
    let reviews: Api<SelfSubjectReview> = Api::all(stage.client.clone());
    let answered = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.unwrap();
    let user = answered.status.and_then(|status| status.user_info).unwrap();
    assert!(user.username.is_some_and(|name| !name.is_empty()));
    assert!(user.groups.unwrap().contains(&"system:authenticated".to_owned()));
}
