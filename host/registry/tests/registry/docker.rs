//! Against Debian's docker-registry, run here on a free port.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pvmigrate_registry::{Credentials, Digest, Error, Registry, Store};

use crate::{MOST, artifact, credentials, reference};

/// The user `me` with the password `secret`.
const USERS: &str = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A registry that ends with the test.
struct Docker {
    process: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It may have ended by itself; the folder goes in any case.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Starts one, or says loudly that this machine has none.
#[allow(clippy::print_stderr, reason = "what is left out must be seen")]
async fn docker(with_users: bool) -> Option<Docker> {
    let program = "/usr/bin/docker-registry";
    if !Path::new(program).exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "there is no {program}: tests/setup docker-registry");
        eprintln!("NOT RUN: there is no {program} (Debian's package docker-registry)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    // Free a moment ago is as good as it gets: the registry wants a number.
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (data, users, config) = (folder.path().join("data"), folder.path().join("users"), folder.path().join("c.yml"));
    std::fs::write(&users, USERS).unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", users.display());
    let text = format!(
        "version: 0.1\nlog: {{level: fatal}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n{}",
        data.display(),
        if with_users { &auth } else { "" }
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    command.arg("serve").arg(&config).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    let process = command.spawn().unwrap();
    let docker = Docker { process, host, _folder: folder };
    let patience = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(&docker.host).is_err() {
        assert!(Instant::now() < patience, "docker-registry does not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(docker)
}

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let Some(docker) = docker(false).await else { return };
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
async fn what_was_pulled_once_is_there_without_the_registry() {
    let Some(docker) = docker(false).await else { return };
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
async fn a_user_who_is_wanted_signs_in() {
    let Some(docker) = docker(true).await else { return };
    let there = reference(&docker.host, "keep:1");
    let nobody = Registry::new(Credentials::default(), false).push(&there, &artifact(b"x")).await.unwrap_err();
    assert!(matches!(nobody, Error::SignIn { .. }) && nobody.to_string().contains(&docker.host), "{nobody}");
    let user = Registry::new(credentials(&[&docker.host]), false);
    user.push(&there, &artifact(b"x")).await.unwrap();
    assert_eq!(user.pull(&there, MOST).await.unwrap().bytes.as_ref(), b"x");
}
