//! Against Debian's docker-registry, run here on a free port.

use pvmigrate_registry::{Digest, Error, Registry, Store};

use crate::docker_registry::start;
use crate::{MOST, artifact, credentials, reference, signed_in};

#[tokio::test]
#[ignore = "needs docker-registry: tests/run registry"]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let docker = start(false);
    let registry = Registry::default();
    let by_tag = reference(&docker.host, "policies/keep:1.2.3");
    let absent = registry.pull(&by_tag, MOST).await.unwrap_err();
    assert!(matches!(absent, Error::Absent(_)), "{absent}");

    let digest = registry.push(&by_tag, &artifact(b"first")).await.unwrap();
    assert_eq!(registry.push(&by_tag, &artifact(b"first")).await.unwrap(), digest, "the same again is the same");
    let pulled = registry.pull(&by_tag, MOST).await.unwrap();
    assert_eq!((pulled.bytes.as_ref(), &pulled.manifest), (b"first".as_slice(), &digest));
    assert_eq!(pulled.component, Digest::of(b"first"));
    let manifest = String::from_utf8(pulled.manifest_bytes.to_vec()).unwrap();
    for part in [
        "\"application/vnd.wasm.config.v0+json\"",
        "\"application/wasm\"",
        "\"org.opencontainers.image.title\":\"keep\"",
        "\"org.opencontainers.image.version\":\"1.2.3\"",
        "\"dev.pvmigrate.policy.interface\":\"pvmigrate:policy@0.2.0\"",
    ] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }

    // The tag moves on, the digest does not.
    let moved = registry.push(&by_tag, &artifact(b"second")).await.unwrap();
    assert_ne!(moved, digest);
    assert_eq!(registry.pull(&by_tag, MOST).await.unwrap().bytes.as_ref(), b"second");
    assert_eq!(registry.pull(&by_tag.at(&digest), MOST).await.unwrap().bytes.as_ref(), b"first");
}

#[tokio::test]
#[ignore = "needs docker-registry: tests/run registry"]
async fn what_was_pulled_once_is_there_without_the_registry() {
    let docker = start(false);
    let (registry, folder) = (Registry::default(), tempfile::tempdir().unwrap());
    let by_tag = reference(&docker.host, "keep:1");
    let digest = registry.push(&by_tag, &artifact(b"component")).await.unwrap();
    let store = Store::new(folder.path().join("components"));
    let by_digest = by_tag.at(&digest);
    assert_eq!(store.find(&by_digest, &digest, MOST).unwrap(), None);
    let pulled = registry.pull(&by_digest, MOST).await.unwrap();
    store.keep(&pulled).unwrap();
    drop(docker);
    assert_eq!(store.find(&by_digest, &digest, MOST).unwrap(), Some(pulled));
    assert!(matches!(registry.pull(&by_digest, MOST).await.unwrap_err(), Error::Unreachable { .. }));
}

#[tokio::test]
#[ignore = "needs docker-registry: tests/run registry"]
async fn a_user_who_is_wanted_signs_in() {
    let docker = start(true);
    let there = reference(&docker.host, "keep:1");
    let nobody = Registry::default().push(&there, &artifact(b"x")).await.unwrap_err();
    assert!(matches!(nobody, Error::SignIn { .. }) && nobody.to_string().contains(&docker.host), "{nobody}");
    let user = signed_in(credentials(&[&docker.host]));
    user.push(&there, &artifact(b"x")).await.unwrap();
    assert_eq!(user.pull(&there, MOST).await.unwrap().bytes.as_ref(), b"x");
}
