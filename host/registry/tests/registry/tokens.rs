//! Identity tokens: exchanged at the registry's own token service, and sent nowhere else.

use http::StatusCode;
use pvmigrate_registry::Error;

use crate::fake::{Fake, Seen, code, ok};
use crate::{MOST, credentials_of, reference, signed_in};

/// Starts a registry that wants a token, which its own service gives for the right identity token.
async fn with_tokens() -> Fake {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"it&self\"", listener.local_addr().unwrap());
    Fake::on(listener, move |seen| match seen.path.as_str() {
        "/token" if seen.body.contains("refresh_token=id%2Btoken&") => ok(r#"{"access_token": "t0ken"}"#),
        "/token" => code(StatusCode::UNAUTHORIZED, &[]),
        _ if seen.authorization.as_deref() == Some("Bearer t0ken") => code(StatusCode::NOT_FOUND, &[]),
        _ => code(StatusCode::UNAUTHORIZED, &[("www-authenticate", &realm)]),
    })
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_one_that_the_registry_accepts() {
    for entry in [
        r#"{"auth": "bWU6eA==", "identitytoken": "id+token"}"#,
        r#"{"username": "<token>", "password": "id+token"}"#,
        // `<token>:id+token`
        r#"{"auth": "PHRva2VuPjppZCt0b2tlbg=="}"#,
    ] {
        let fake = with_tokens().await;
        let registry = signed_in(credentials_of(&format!(r#"{{"auths": {{"{}": {entry}}}}}"#, fake.host)));
        let error = registry.pull(&reference(&fake.host, "team/keep:1"), MOST).await.unwrap_err();
        assert!(matches!(error, Error::Absent(_)), "{error}");
        let asked: Seen = fake.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
        assert_eq!((asked.method.as_str(), asked.authorization), ("POST", None));
        let form = "grant_type=refresh_token&client_id=pvmigrate&scope=repository:team/keep:pull&refresh_token=id%2Btoken\
                    &service=it%26self";
        assert_eq!(asked.body, form);
    }
}

#[tokio::test]
async fn an_identity_token_that_does_not_help_is_reported_without_it() {
    let fake = with_tokens().await;
    let text = format!(r#"{{"auths": {{"{}": {{"identitytoken": "other"}}}}}}"#, fake.host);
    let error = signed_in(credentials_of(&text)).pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("rejected the identity token: Unauthorized") && !error.contains("other"), "{error}");

    let basic = Fake::start(|_| code(StatusCode::UNAUTHORIZED, &[("www-authenticate", "Basic realm=\"x\"")])).await;
    let text = format!(r#"{{"auths": {{"{}": {{"identitytoken": "other"}}}}}}"#, basic.host);
    let error = signed_in(credentials_of(&text)).pull(&reference(&basic.host, "keep:1"), MOST).await.unwrap_err();
    assert!(error.to_string().contains("it wants a password"), "{error}");
    assert_eq!(basic.seen().len(), 1, "the token is not sent as a password");
}
