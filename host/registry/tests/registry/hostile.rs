//! Registries that lie, flood, or send us elsewhere.

use http::StatusCode;
use pvmigrate_registry::{Digest, Error, Registry};

use crate::fake::{Fake, Seen, code, ok};
use crate::{MOST, credentials, reference, signed_in};

const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";

/// Returns a manifest with one layer.
fn manifest(config_type: &str, layer_type: &str, digest: &Digest, size: usize) -> String {
    format!(
        r#"{{"schemaVersion": 2, "config": {{"mediaType": "{config_type}", "digest": "{digest}", "size": 2}},
            "layers": [{{"mediaType": "{layer_type}", "digest": "{digest}", "size": {size}}}]}}"#
    )
}

fn is_manifest(seen: &Seen) -> bool {
    seen.path.contains("/manifests/")
}

/// Pulls from a registry that has this manifest, and these bytes for whatever digest.
async fn pull(manifest: String, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let fake = Fake::start(move |seen| if is_manifest(seen) { ok(manifest.clone()) } else { ok(bytes.clone()) }).await;
    let pulled = Registry::default().pull(&reference(&fake.host, "keep:1"), MOST).await?;
    Ok(pulled.bytes.to_vec())
}

#[tokio::test]
async fn an_honest_one_is_believed() {
    let digest = Digest::of(b"component");
    let pulled = pull(manifest(CONFIG_TYPE, "application/wasm", &digest, 9), b"component".to_vec()).await;
    assert_eq!(pulled.unwrap(), b"component");
}

#[tokio::test]
async fn other_bytes_than_the_digest_says_are_thrown_away() {
    let digest = Digest::of(b"component");
    let error = pull(manifest(CONFIG_TYPE, "application/wasm", &digest, 9), b"c0mponent".to_vec()).await.unwrap_err();
    assert!(matches!(&error, Error::WrongBytes { wanted, .. } if *wanted == digest), "{error}");
}

#[tokio::test]
async fn a_manifest_that_is_not_the_one_asked_for_is_refused() {
    let text = manifest(CONFIG_TYPE, "application/wasm", &Digest::of(b"component"), 9);
    let fake = Fake::start(move |seen| if is_manifest(seen) { ok(text.clone()) } else { ok("component") }).await;
    let wanted = Digest::of(b"another manifest");
    let error = Registry::default().pull(&reference(&fake.host, &format!("keep:1@{wanted}")), MOST).await.unwrap_err();
    assert!(matches!(&error, Error::WrongBytes { wanted: named, .. } if *named == wanted), "{error}");
    assert_eq!(fake.seen().len(), 1, "nothing more is asked of it");
}

#[tokio::test]
async fn what_holds_no_component_is_named() {
    let digest = Digest::of(b"component");
    let image = manifest("application/vnd.oci.image.config.v1+json", "application/wasm", &digest, 9);
    let tar = manifest(CONFIG_TYPE, "application/vnd.oci.image.layer.v1.tar+gzip", &digest, 9);
    let index = r#"{"schemaVersion": 2, "manifests": []}"#.to_owned();
    for (text, expected) in
        [(image, "image.config"), (tar, "no layer"), (index, "index"), ("[".to_owned(), "manifest is invalid")]
    {
        let error = pull(text, Vec::new()).await.unwrap_err();
        assert!(matches!(error, Error::NotWasm { .. }) && error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_component_that_is_too_large_is_not_even_asked_for() {
    let text = manifest(CONFIG_TYPE, "application/wasm", &Digest::of(b""), MOST + 1);
    let fake = Fake::start(move |_| ok(text.clone())).await;
    let error = Registry::default().pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    assert!(error.to_string().contains("limit of 1048576"), "{error}");
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn more_bytes_than_announced_are_not_read() {
    let text = manifest(CONFIG_TYPE, "application/wasm", &Digest::of(b"component"), 9);
    let error = pull(text, vec![0; 1 << 20]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 9, .. }), "{error}");
    let error = pull(" ".repeat(2 << 20), Vec::new()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_service_of_this_machine_is_not_followed() {
    let other = Fake::start(|_| ok("component")).await;
    let to = format!("http://{}/v2/", other.host);
    let text = manifest(CONFIG_TYPE, "application/wasm", &Digest::of(b"component"), 9);
    let fake = Fake::start(move |seen| {
        if is_manifest(seen) { ok(text.clone()) } else { code(StatusCode::TEMPORARY_REDIRECT, &[("location", &to)]) }
    })
    .await;
    let error = Registry::default().pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error}");
    assert_eq!(other.seen(), []);
}

#[tokio::test]
async fn endless_redirects_are_stopped() {
    let fake = Fake::start(|seen| code(StatusCode::FOUND, &[("location", &seen.path)])).await;
    let error = Registry::default().pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
    assert!(fake.seen().len() < 10);
}

/// Starts a registry that wants a token from a service.
async fn with_token_service(realm: String) -> Fake {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"it\"");
    Fake::start(move |_| code(StatusCode::UNAUTHORIZED, &[("www-authenticate", &challenge)])).await
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_token_service_on_another_host() {
    let thief = Fake::start(|_| code(StatusCode::FORBIDDEN, &[])).await;
    let fake = with_token_service(format!("http://{}/token", thief.host)).await;
    let registry = signed_in(credentials(&[&fake.host]));
    let error = registry.pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    assert!(error.to_string().contains("is not sent to another host"), "{error}");
    let passwords = |seen: Vec<Seen>| seen.into_iter().filter_map(|seen| seen.authorization).collect::<Vec<_>>();
    assert_eq!(passwords(thief.seen()), [""; 0]);
    assert_eq!(thief.seen().len(), 1, "asked as anybody may ask");
    assert_eq!(passwords(fake.seen()), [""; 0]);
}

#[tokio::test]
async fn the_password_for_a_token_service_is_sent_to_it_and_its_token_to_the_registry() {
    let service = Fake::start(|_| ok(r#"{"token": "t0ken"}"#)).await;
    let fake = with_token_service(format!("http://{}/token", service.host)).await;
    let registry = signed_in(credentials(&[&service.host]));
    let error = registry.pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err();
    assert!(matches!(error, Error::SignIn { .. }), "{error}");
    let [asked] = service.seen().try_into().unwrap();
    let asked: Seen = asked;
    assert_eq!(asked.path, "/token?scope=repository:keep:pull&service=it");
    assert_eq!(asked.authorization.as_deref(), Some("Basic bWU6c2VjcmV0"));
    let to_registry: Vec<_> = fake.seen().into_iter().map(|seen| seen.authorization).collect();
    assert_eq!(to_registry, [None, Some("Bearer t0ken".to_owned())], "once, and no more when that does not help");
}

#[tokio::test]
async fn a_token_service_on_the_net_is_spoken_to_over_tls_only() {
    let fake = with_token_service("http://auth.example.com/token".to_owned()).await;
    let error = signed_in(credentials(&[&fake.host])).pull(&reference(&fake.host, "keep:1"), MOST).await;
    assert!(matches!(error.unwrap_err(), Error::Redirect { .. }));
}

#[tokio::test]
async fn an_upload_to_another_place_is_not_made() {
    let thief = Fake::start(|_| ok("")).await;
    let to = format!("http://{}/upload", thief.host);
    let fake = Fake::start(move |seen| match seen.method.as_str() {
        "HEAD" => code(StatusCode::NOT_FOUND, &[]),
        _ => code(StatusCode::ACCEPTED, &[("location", &to)]),
    })
    .await;
    let pushed = Registry::default().push(&reference(&fake.host, "keep:1"), &crate::artifact(b"component")).await;
    assert!(matches!(pushed.unwrap_err(), Error::Redirect { .. }));
    assert_eq!(thief.seen(), []);
}

#[tokio::test]
async fn other_machines_are_not_spoken_to_in_plain_http() {
    // Nobody listens on port 1, and the address is for documentation: TLS is what must fail.
    let registry = Registry::default();
    let error = registry.pull(&reference("127.0.0.1.example.invalid:1", "keep:1"), MOST).await.unwrap_err();
    assert!(error.to_string().contains("https://127.0.0.1.example.invalid:1/"), "{error}");
}

#[tokio::test]
async fn what_a_registry_says_is_shown_on_one_line() {
    let fake = Fake::start(|_| {
        let body = r#"{"errors": [{"code": "DENIED", "message": "no\u001b[2J\nway"}]}"#;
        let mut answer = ok(body);
        *answer.status_mut() = StatusCode::FORBIDDEN;
        answer
    })
    .await;
    let error = Registry::default().pull(&reference(&fake.host, "keep:1"), MOST).await.unwrap_err().to_string();
    assert!(error.contains("403 DENIED no [2J way"), "{error}");
}
