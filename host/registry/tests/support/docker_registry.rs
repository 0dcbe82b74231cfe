//! Debian's docker-registry on a free port of this machine, with its data in a folder that goes with it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The user `me` with the password `secret`.
const USERS: &str = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A registry that ends with the test.
pub(crate) struct Docker {
    process: Child,
    pub(crate) host: String,
    _folder: tempfile::TempDir,
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It may have ended by itself; the folder goes in any case.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Starts a registry.
///
/// # Panics
/// When this machine has no docker-registry: such tests are ignored, and run by `tests/run registry`, which installs it.
pub(crate) fn start(with_users: bool) -> Docker {
    start_with(with_users, None)
}

/// Starts a registry, with TLS if it gets a certificate and its key, both as PEM.
#[allow(dead_code, reason = "not every test that includes this has one with TLS")]
pub(crate) fn start_with_tls(with_users: bool, certificate: &str, key: &str) -> Docker {
    start_with(with_users, Some((certificate, key)))
}

fn start_with(with_users: bool, tls: Option<(&str, &str)>) -> Docker {
    let program = "/usr/bin/docker-registry";
    assert!(Path::new(program).exists(), "there is no {program}: run tests/setup docker-registry");
    let folder = tempfile::tempdir().unwrap();
    // Free a moment ago is as good as it gets: the registry wants a number.
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (data, users, config) = (folder.path().join("data"), folder.path().join("users"), folder.path().join("c.yml"));
    std::fs::write(&users, USERS).unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", users.display());
    let tls = tls.map_or_else(String::new, |(certificate, key)| {
        let (cert, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
        format!(", tls: {{certificate: {}, key: {}}}", cert.display(), key_file.display())
    });
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: \"{host}\"{tls}}}\n{}",
        data.display(),
        if with_users { &auth } else { "" }
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    let log = folder.path().join("log");
    command.arg("serve").arg(&config).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(&log).unwrap());
    let process = command.spawn().unwrap();
    let docker = Docker { process, host, _folder: folder };
    let patience = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(&docker.host).is_err() {
        assert!(
            Instant::now() < patience,
            "docker-registry does not start: {}",
            std::fs::read_to_string(&log).unwrap()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    docker
}
