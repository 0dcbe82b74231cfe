//! Pulling of policies with a lock file and a store: a tag keeps its first meaning, and nothing is pulled twice.

use std::path::{Path, PathBuf};

use pvmigrate_policy::cache_folder;
use pvmigrate_proxy::ProxyVariables;
use pvmigrate_registry::{Credentials, Error, Lock, LockError, Locked, Pulled, Reference, Registry, Store};

use crate::exit::Exit;
use crate::failure::Failure;

/// A client that pulls policies.
#[derive(Debug)]
pub struct Puller {
    registry: Option<Registry>,
    plain_http: bool,
    lock_file: PathBuf,
    store: Option<Store>,
}

impl Puller {
    /// Makes a puller; nothing is read before something is pulled.
    pub fn new(lock_file: &Path, plain_http: bool) -> Self {
        let store = cache_folder().map(|folder| Store::new(folder.join("components")));
        Self { registry: None, plain_http, lock_file: lock_file.to_owned(), store }
    }

    /// Returns what a reference stands for, and records it in the lock file.
    ///
    /// # Errors
    /// When it cannot be pulled, is not what the lock file says, or that file cannot be written.
    pub async fn get(&mut self, reference: &Reference, most: usize) -> Result<Pulled, Failure> {
        let pulled = self.locked(reference, most).await?;
        self.lock(reference, &pulled)?;
        Ok(pulled)
    }

    /// Returns what a reference stands for. A tag in the lock file means what it meant when it was pulled first.
    ///
    /// # Errors
    /// When it cannot be pulled, or is not what the lock file says.
    pub async fn locked(&mut self, reference: &Reference, most: usize) -> Result<Pulled, Failure> {
        if reference.digest.is_some() {
            return self.by_digest(reference, most).await;
        }
        let lock = Lock::read(&self.lock_file)?;
        let Some(locked) = lock.get(reference) else { return self.newest(reference, most).await };
        let pulled = self.by_digest(&reference.at(&locked.manifest), most).await?;
        if pulled.component == locked.component {
            return Ok(pulled);
        }
        let (is, wanted) = (&pulled.component, &locked.component);
        let what = format!("{reference} has component {is}, but {} pins {wanted}", lock.file().display());
        Err(Failure::new(Exit::PolicyLoad, anyhow::anyhow!(what))
            .hint("only pvmigrate should write that file: restore it from version control"))
    }

    /// Asks the registry what a reference stands for now.
    ///
    /// # Errors
    /// When it cannot be pulled.
    pub async fn newest(&mut self, reference: &Reference, most: usize) -> Result<Pulled, Failure> {
        let registry = match &mut self.registry {
            Some(registry) => registry,
            none => none.insert(registry(self.plain_http)?),
        };
        let pulled = registry.pull(reference, most).await?;
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.keep(&pulled)) {
            tracing::debug!(%error, "what was pulled could not be cached");
        }
        Ok(pulled)
    }

    /// Records what a tag means from now on; returns what it meant before, if that was something else.
    ///
    /// # Errors
    /// When the lock file cannot be read or written.
    pub fn lock(&self, reference: &Reference, pulled: &Pulled) -> Result<Option<Locked>, Failure> {
        if reference.digest.is_some() {
            return Ok(None);
        }
        // Read again: pulling takes time, and another process may have locked something meanwhile.
        let mut lock = Lock::read(&self.lock_file)?;
        let locked = Locked { manifest: pulled.manifest.clone(), component: pulled.component.clone() };
        Ok(lock.set(reference, locked.clone())?.filter(|before| *before != locked))
    }

    async fn by_digest(&mut self, reference: &Reference, most: usize) -> Result<Pulled, Failure> {
        if let (Some(store), Some(manifest)) = (&self.store, &reference.digest)
            && let Some(found) = store.find(reference, manifest, most)?
        {
            return Ok(found);
        }
        self.newest(reference, most).await
    }
}

/// Makes a registry client with the user's own credentials and proxies.
///
/// # Errors
/// When the credentials cannot be read.
pub fn registry(plain_http: bool) -> Result<Registry, Failure> {
    Ok(Registry::new(Credentials::usual()?, ProxyVariables::from_env(), plain_http))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = hint(&error);
        let mut failure = Self::new(Exit::PolicyLoad, error);
        failure.hints.extend(hint);
        failure
    }
}

/// Says what to do about an error, where the error does not say it itself.
fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Absent(_) => "check the host, the repository and the tag",
        Error::WrongBytes { .. } => "the content was changed in the registry or on the network: do not use it",
        Error::NotWasm { .. } => "push policies with: pvmigrate policy push POLICY REFERENCE",
        Error::SignIn { host, .. } => {
            return Some(format!("sign in with `docker login {host}` or `podman login {host}`"));
        }
        Error::NoHelper { program, server, file } => {
            return Some(format!(
                "install {program}, or remove it from {} and sign in to {server} again",
                file.display()
            ));
        }
        Error::Helper { program, server, .. } => {
            return Some(format!(
                "find out why: printf {server} | {program} get   (it prints the password if it works)"
            ));
        }
        Error::Unreachable { .. } | Error::Slow { .. } => {
            "check that the registry is running; a registry on another machine needs TLS, or --plain-http"
        }
        Error::TooLarge { .. }
        | Error::Proxy { .. }
        | Error::InvalidProxy(_)
        | Error::Refused { .. }
        | Error::Invalid { .. }
        | Error::Redirect { .. }
        | Error::Credentials { .. }
        | Error::Tls(_) => return None,
    };
    Some(hint.to_owned())
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::new(Exit::Usage, error)
            .hint("to do without a lock file, name the policy by digest: oci://HOST/REPOSITORY@sha256:...")
    }
}
