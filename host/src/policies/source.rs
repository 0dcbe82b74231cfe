//! Where a policy comes from, as the command line and the configuration file name it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use pvmigrate_registry::{Digest, Reference};

/// The name of the built-in policy.
pub const BUILT_IN: &str = "builtin";

/// The place that a policy's component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// The one that is built in.
    BuiltIn,
    /// A file; with a digest, only these bytes are taken.
    File {
        /// Its path.
        path: PathBuf,
        /// Its digest.
        digest: Option<Digest>,
    },
    /// An artifact in a registry.
    Registry(Reference),
}

impl Module {
    /// Reads `builtin`, `oci://...`, `FILE` or `FILE@sha256:HEX`. Paths are relative to `folder`.
    ///
    /// # Errors
    /// When it is an invalid reference or digest.
    pub fn parse(text: &OsStr, folder: &Path) -> Result<Self, String> {
        let file = |path: &OsStr, digest| Self::File { path: folder.join(path), digest };
        let Some(words) = text.to_str() else { return Ok(file(text, None)) };
        if words == BUILT_IN {
            return Ok(Self::BuiltIn);
        }
        if Reference::is_meant(words) {
            return words.parse().map(Self::Registry).map_err(|error| format!("{error}"));
        }
        match words.rsplit_once("@sha256:") {
            Some((path, hex)) => {
                let digest: Digest = format!("sha256:{hex}").parse().map_err(|error| format!("{error}"))?;
                Ok(file(path.as_ref(), Some(digest)))
            }
            None => Ok(file(text, None)),
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str(BUILT_IN),
            Self::File { path, digest: None } => write!(f, "{}", path.display()),
            Self::File { path, digest: Some(digest) } => write!(f, "{}@{digest}", path.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Module, String> {
        Module::parse(text.as_ref(), Path::new("env"))
    }

    #[test]
    fn the_forms() {
        let digest = Digest::of(b"");
        assert_eq!(parse("builtin").unwrap(), Module::BuiltIn);
        assert_eq!(parse("a@b.wasm").unwrap(), Module::File { path: "env/a@b.wasm".into(), digest: None });
        let pinned = Module::File { path: "env/a.wasm".into(), digest: Some(digest.clone()) };
        assert_eq!(parse(&format!("a.wasm@{digest}")).unwrap(), pinned);
        assert_eq!(parse("/a.wasm").unwrap(), Module::File { path: "/a.wasm".into(), digest: None });
        assert!(matches!(parse("oci://h/r:1").unwrap(), Module::Registry(_)));
    }

    #[test]
    fn an_invalid_digest_is_not_taken_for_a_file_name() {
        assert!(parse("a.wasm@sha256:123").unwrap_err().contains("64 lower-case hex digits"));
        assert!(parse("oci://h").unwrap_err().contains("repository"));
    }
}
