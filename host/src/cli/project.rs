//! The flags of the commands that make and build policy projects.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Holds the flags of `policy new`.
#[derive(Args, Clone, Debug)]
pub struct PolicyNewArgs {
    /// Name of the policy: small letters, digits and '-'
    pub name: String,
    /// Language to write it in
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: PolicyLanguage,
    /// Folder to make (default: the name)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Names the languages that `policy new` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyLanguage {
    /// Small and quick components.
    Rust,
    /// Built by componentize-py.
    Python,
    /// Built by componentize-js.
    Js,
}

/// Holds the flags of `policy build`.
#[derive(Args, Clone, Debug)]
pub struct PolicyBuildArgs {
    /// The folder with the policy.yaml
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Build although nothing has changed
    #[arg(long)]
    pub anew: bool,
}
