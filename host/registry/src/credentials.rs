//! Users, passwords and identity tokens, from where docker and podman keep them: files, and the helpers that these name.
//!
//! The crate `docker_credential` reads such files, too. It knows no paths in keys, takes a helper that has no entry for one
//! that is broken, and waits for ever for one that hangs.

mod file;
mod helper;
mod login;
mod places;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::error::Error;
use file::{File, Source};
use helper::Fault;
use places::Places;

pub(crate) use file::is_hub;
pub(crate) use login::{Login, basic};

/// Time for a helper. It may ask the user to unlock something.
const HELPER: Duration = Duration::from_secs(60);

/// The logins of hosts and repositories. Files are read at the beginning, helpers are run when a registry asks for a login.
#[derive(Clone, Default)]
pub struct Credentials {
    files: Vec<Arc<File>>,
    /// Where a login was looked for, for messages.
    searched: String,
    /// Kept, so that whoever unlocks something does it once.
    answers: Arc<Mutex<Answers>>,
}

/// What helpers have answered, by their program and the server.
type Answers = BTreeMap<(String, String), Option<Login>>;

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter().map(|file| &file.path)).finish()
    }
}

impl Credentials {
    /// Reads them from where podman and docker keep them: the file that `REGISTRY_AUTH_FILE` names, or the folder that
    /// `DOCKER_CONFIG` names, or podman's `auth.json` and then docker's `config.json`.
    ///
    /// # Errors
    /// When a file cannot be read or parsed, or the one that `REGISTRY_AUTH_FILE` names does not exist.
    pub fn usual() -> Result<Self, Error> {
        Self::at(&Places::usual())
    }

    /// Reads them from one file; a missing file holds none.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub fn read(file: &Path) -> Result<Self, Error> {
        Self::at(&Places { files: vec![file.to_owned()], named_by: None })
    }

    fn at(places: &Places) -> Result<Self, Error> {
        let mut files = Vec::new();
        for path in &places.files {
            match (File::read(path)?, places.named_by) {
                (Some(file), _) => files.push(Arc::new(file)),
                (None, None) => {}
                (None, Some(variable)) => {
                    let why = format!("it does not exist, but {variable} names it");
                    return Err(Error::Credentials { file: path.clone(), why });
                }
            }
        }
        let searched: Vec<_> = places.files.iter().map(|file| file.display().to_string()).collect();
        Ok(Self { files, searched: searched.join(", "), answers: Arc::default() })
    }

    /// Returns the login for a host, or for a repository on it; `None` when nobody has one.
    ///
    /// # Errors
    /// When a helper that would have to know fails, or an entry cannot be read.
    pub(crate) async fn of(&self, host: &str, repository: Option<&str>) -> Result<Option<Login>, Error> {
        for file in &self.files {
            for source in file.sources(host, repository) {
                let login = match source {
                    Source::Helper(name) => self.ask(file, name, host).await?,
                    Source::Entry(key, entry) => entry.login().map_err(|why| Error::Credentials {
                        file: file.path.clone(),
                        why: format!("the auth of {key} {why}"),
                    })?,
                };
                if login.is_some() {
                    return Ok(login);
                }
            }
        }
        Ok(None)
    }

    /// Says where the login for a host was looked for.
    pub(crate) async fn searched(&self, host: &str) -> String {
        let answers = self.answers.lock().await;
        let server = file::server(host);
        let asked = answers.keys().filter(|(_, known)| known == server).map(|(program, _)| format!(", {program}"));
        if self.searched.is_empty() { "no file".to_owned() } else { self.searched.clone() + &asked.collect::<String>() }
    }

    async fn ask(&self, file: &File, name: &str, host: &str) -> Result<Option<Login>, Error> {
        let (program, server) = (format!("docker-credential-{name}"), file::server(host));
        let failed = |fault: Fault| {
            let (program, server, file) = (program.clone(), server.to_owned(), file.path.clone());
            match fault {
                Fault::Missing => Error::NoHelper { program, server, file },
                Fault::Failed(why) => Error::Helper { program, server, file, why },
            }
        };
        // What has a separator would be looked for in the current folder.
        if name.contains(std::path::MAIN_SEPARATOR) {
            return Err(failed(Fault::Failed("this is not the name of a program".to_owned())));
        }
        let mut answers = self.answers.lock().await;
        let key = (program.clone(), server.to_owned());
        if let Some(known) = answers.get(&key) {
            return Ok(known.clone());
        }
        tracing::debug!(%program, %server, "asking a credential helper");
        let login = helper::ask(&OsString::from(&program), server, HELPER).await.map_err(failed)?;
        answers.insert(key, login.clone());
        Ok(login)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_file_that_has_a_login_is_the_one_and_others_are_not_needed() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        std::fs::write(&first, r#"{"auths": {"r.io/team": {"auth": "bWU6YQ=="}, "r.io": {}}}"#).unwrap();
        std::fs::write(&second, r#"{"auths": {"r.io": {"auth": "eW91OmI="}, "s.io": {"auth": "%"}}}"#).unwrap();
        let missing = folder.path().join("missing");
        let credentials = Credentials::at(&Places { files: vec![missing, first, second], named_by: None }).unwrap();
        let name = async |host: &str, repository: &str| match credentials.of(host, Some(repository)).await.unwrap() {
            Some(Login::Password { name, .. }) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(name("r.io", "team/keep").await, "me");
        assert_eq!(name("r.io", "else").await, "you", "an empty entry counts as absent");
        assert_eq!(name("t.io", "else").await, "None");
        let error = credentials.of("s.io", None).await.unwrap_err().to_string();
        assert!(error.ends_with("second: the auth of s.io is not user:password in base64"), "{error}");
        let shown = format!("{credentials:?}");
        assert!(shown.contains("second") && !shown.contains("bWU6"), "{shown}");
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_is_an_error_and_never_taken_for_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"credsStore": "pvmigrate-test-nowhere", "credHelpers": {"s.io": "../x"}}"#)
            .unwrap();
        let credentials = Credentials::read(file.path()).unwrap();
        let error = credentials.of("r.io", None).await.unwrap_err();
        assert!(matches!(&error, Error::NoHelper { server, .. } if server == "r.io"), "{error}");
        assert!(error.to_string().contains("docker-credential-pvmigrate-test-nowhere"), "{error}");
        let error = credentials.of("s.io", None).await.unwrap_err();
        assert!(matches!(error, Error::Helper { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_holds_no_login_unless_it_was_named() {
        let files = vec!["/nonexistent/auth.json".into()];
        assert!(Credentials::at(&Places { files: files.clone(), named_by: None }).unwrap().files.is_empty());
        let error = Credentials::at(&Places { files, named_by: Some("REGISTRY_AUTH_FILE") }).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/auth.json") && error.contains("REGISTRY_AUTH_FILE"), "{error}");
    }
}
