//! What a registry is signed in to with.

use std::fmt;

use base64::Engine as _;

/// The name under which an identity token is kept where only a name and a password fit.
const TOKEN_NAME: &str = "<token>";

/// What a registry, or its token service, is signed in to with. It does not show its secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// A user name with its password.
    Password { name: String, password: String },
    /// A token that a token service exchanges for one that the registry accepts.
    IdentityToken(String),
}

impl Login {
    /// Reads a name and a password as they are kept; `None` when both are empty.
    pub(super) fn of(name: String, password: String) -> Option<Self> {
        match name.as_str() {
            TOKEN_NAME => Some(Self::IdentityToken(password)),
            "" if password.is_empty() => None,
            _ => Some(Self::Password { name, password }),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password",
            Self::IdentityToken(_) => "IdentityToken",
        })
    }
}

/// Returns the value of an `Authorization` header.
pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}
