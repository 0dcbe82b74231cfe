//! The way to a registry and the login for it, as users have them: proxies from the environment, docker's and podman's
//! files, credential helpers. With the real binary, and a registry that lets only `me` in.

use crate::docker_registry::{Docker, start, start_with_tls};
use crate::servers::{CERTIFICATE, Endpoint, KEY, Kind};
use crate::{Ran, command, finish, path_text, repository};

/// `me:secret` and `me:wrong`, in base64.
const RIGHT: &str = "bWU6c2VjcmV0";
const WRONG: &str = "bWU6d3Jvbmc=";
/// What helpers print when they have nothing for a server.
const NOT_FOUND: &str = "echo credentials not found in native keychain; exit 1";

/// A home with its files, and the registry.
struct Home {
    docker: Docker,
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn new(docker: Docker) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}/bin:/usr/bin:/bin", folder.path().display());
        let variables = vec![("PATH", path), ("HOME", folder.path().join("home").display().to_string())];
        Self { docker, folder, variables }
    }

    fn write(&self, file: &str, text: &str) -> String {
        let path = self.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Writes `docker-credential-it`, which notes each run and then does this.
    fn helper(&self, does: &str) {
        let note = self.folder.path().join("asked");
        let text = format!("#!/bin/sh\nserver=$(cat)\necho \"$1 $server\" >> {}\n{does}\n", note.display());
        let (text, program) = (self.write("bin/text", &text), self.folder.path().join("bin/docker-credential-it"));
        // By another process: what this one has open for writing could be with the child of another test when it is run.
        let installed = std::process::Command::new("install").args(["-m", "700", &text, path_text(&program)]).status();
        assert!(installed.unwrap().success());
    }

    /// Returns the runs of the helper since the last call.
    fn asked(&self) -> String {
        let note = self.folder.path().join("asked");
        let asked = std::fs::read_to_string(&note).unwrap_or_default();
        let _none = std::fs::remove_file(&note);
        asked
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = command(words);
        command.env("PVMIGRATE_CACHE", "off").envs(self.variables.iter().cloned());
        finish(command.current_dir(self.folder.path()))
    }

    fn push(&self, reference: &str) -> Ran {
        self.run(&["policy", "push", path_text(&repository("policies/dist/keep-and-cap.wasm")), reference])
    }

    /// Pushes to and pulls from a repository of the registry.
    #[track_caller]
    fn assert_works(&self, reference: &str) {
        let ran = self.push(reference);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = self.run(&["policy", "pull", reference, "--to", "copy.wasm", "--update"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (copy, original) = (self.folder.path().join("copy.wasm"), repository("policies/dist/keep-and-cap.wasm"));
        assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(original).unwrap());
    }

    /// Pulls, which fails with these words.
    #[track_caller]
    fn assert_fails(&self, reference: &str, words: &[&str]) {
        let ran = self.run(&["policy", "pull", reference]);
        assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
        for words in words {
            assert!(ran.err.contains(words), "{words:?} is not in: {}", ran.err);
        }
        assert!(!ran.err.contains("secret") && !ran.err.contains(RIGHT), "{}", ran.err);
    }
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_helper_signs_in_through_a_tunnel_to_a_registry_with_tls() {
    let mut home = Home::new(start_with_tls(true, CERTIFICATE, KEY));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let port: u16 = home.docker.host.rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = runtime.block_on(Endpoint::before(port, Kind::Http));
    let certificate = home.write("ca.pem", CERTIFICATE);
    home.variables.push(("SSL_CERT_FILE", certificate));
    home.variables.push(("HTTPS_PROXY", format!("http://you:s%40cret@127.0.0.1:{}", proxy.port)));
    home.write("home/.docker/config.json", r#"{"credsStore": "it", "auths": {"registry.example.test:5000": {}}}"#);
    home.helper(r#"printf '{"ServerURL":"%s","Username":"me","Secret":"secret"}' "$server""#);
    let (one, two) = ("oci://registry.example.test:5000/one:1", "oci://registry.example.test:5000/two:1");
    home.assert_works(one);
    home.assert_works(two);
    assert_eq!(home.asked(), "get registry.example.test:5000\n".repeat(4), "once for each command");
    assert!(pvmigrate_rehearsal::find_rsync().is_ok(), "rsync is missing: run tests/setup rsync");
    let scenario = repository("tests/embedded/scenarios/one-claim.yaml");
    let words = ["rehearse", path_text(&scenario), "--preflight-validation-only", "--policy", one, "--policy", two];
    let ran = home.run(&words);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(home.asked(), "get registry.example.test:5000\n", "whoever unlocks a keychain does it once");
    let expected = "CONNECT registry.example.test:5000 HTTP/1.1, Basic eW91OnNAY3JldA==";
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked == expected), "{asked:?}");
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_helper_that_fails_is_named_and_nobody_is_tried_in_its_place() {
    let home = Home::new(start(true));
    let host = home.docker.host.clone();
    let reference = format!("oci://{host}/policies/it:1");
    let file = home.write("home/.docker/config.json", &format!(r#"{{"credHelpers": {{"{host}": "it"}}}}"#));
    let named = format!("credential helper docker-credential-it, which {file} names for {host}, ");
    let hint = format!("hint: install docker-credential-it, or remove it from {file} and sign in to {host} again");
    home.assert_fails(&reference, &[&format!("{named}was not found on the PATH"), &hint]);

    home.helper("echo the keychain is locked; exit 1");
    let why = format!("{named}failed: exit status: 1: the keychain is locked");
    home.assert_fails(&reference, &[&why, &format!("hint: find out why: printf {host} | docker-credential-it get")]);

    home.helper(NOT_FOUND);
    let podman = home.folder.path().join("home/.config/containers/auth.json");
    let searched = format!("{}, {file}, docker-credential-it)", podman.display());
    let nobody = format!("error: {host} requires authentication: no login for {host} (looked into ");
    home.assert_fails(&reference, &[&nobody, &searched, &format!("hint: sign in with `docker login {host}`")]);

    home.helper(r#"printf '{"Username":"me","Secret":"wrong"}'"#);
    home.assert_fails(&reference, &[&format!("{host} requires authentication: it rejected the login: ")]);
    assert_eq!(home.asked(), format!("get {host}\n").repeat(3));
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_registry_that_lets_anybody_in_needs_no_helper() {
    let home = Home::new(start(false));
    home.write("home/.docker/config.json", r#"{"credsStore": "nowhere"}"#);
    home.assert_works(&format!("oci://{}/policies/it:1", home.docker.host));
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn podmans_file_signs_in_by_its_longest_path_and_comes_before_dockers() {
    let mut home = Home::new(start(true));
    let host = home.docker.host.clone();
    let auths = |entries: &[(&str, &str)]| {
        let entries = entries.iter().map(|(path, auth)| format!(r#""{host}{path}": {{"auth": "{auth}"}}"#));
        format!(r#"{{"auths": {{{}}}}}"#, entries.collect::<Vec<_>>().join(", "))
    };
    home.variables.push(("XDG_RUNTIME_DIR", home.folder.path().join("run").display().to_string()));
    home.write("home/.docker/config.json", &auths(&[("", WRONG)]));
    home.write("home/.config/containers/auth.json", &auths(&[("/mine", WRONG), ("/mine/policies", RIGHT)]));
    home.assert_works(&format!("oci://{host}/mine/policies/it:1"));
    home.assert_fails(&format!("oci://{host}/mine/it:1"), &["it rejected the login"]);
    home.assert_fails(&format!("oci://{host}/else/it:1"), &["it rejected the login"]);

    // The file of this login session comes before the one that outlives it.
    home.write("run/containers/auth.json", &auths(&[("/mine", RIGHT)]));
    home.assert_works(&format!("oci://{host}/mine/it:1"));
    home.assert_fails(&format!("oci://{host}/else/it:1"), &["it rejected the login"]);
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn the_file_that_registry_auth_file_names_is_the_only_one() {
    let mut home = Home::new(start(true));
    let host = home.docker.host.clone();
    let reference = format!("oci://{host}/policies/it:1");
    let right = format!(r#"{{"auths": {{"{host}": {{"auth": "{RIGHT}"}}}}}}"#);
    home.write("home/.docker/config.json", &right);
    home.assert_works(&reference);

    let empty = home.write("empty.json", "{}");
    home.variables.push(("REGISTRY_AUTH_FILE", empty.clone()));
    home.assert_fails(&reference, &[&format!("no login for {host} (looked into {empty})")]);
    home.variables.pop();
    let missing = home.folder.path().join("missing.json").display().to_string();
    home.variables.push(("REGISTRY_AUTH_FILE", missing.clone()));
    let why = format!("cannot read credentials from {missing}: it does not exist, but REGISTRY_AUTH_FILE names it");
    home.assert_fails(&reference, &[&why]);
    home.variables.pop();
    let named = home.write("named.json", &right);
    home.variables.push(("REGISTRY_AUTH_FILE", named));
    home.assert_works(&reference);
}
