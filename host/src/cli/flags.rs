//! Flags that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::policies::environment::{self, Named};
use crate::policies::limits::GivenLimits;

/// Which cluster, in kubectl's flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Kubeconfig file (default: the files in KUBECONFIG, else ~/.kube/config, else the pod's service account)
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Kubeconfig context to use
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Which namespace of which cluster.
#[derive(Args, Clone, Debug)]
pub struct WhereArgs {
    /// Only this namespace (default: all namespaces)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Which environment this is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Policies")]
pub struct EnvironmentArgs {
    /// Environment in the configuration file, such as prod, whose policies, settings and waivers apply
    #[arg(id = "environment", long = "environment", value_name = "NAME")]
    pub name: Option<String>,
    /// Configuration file that defines the environments (default: pvmigrate.yaml)
    #[arg(long, value_name = "FILE", requires = "environment")]
    pub config: Option<PathBuf>,
}

impl EnvironmentArgs {
    /// Returns the environment, if one is named.
    pub fn named(&self) -> Option<Named> {
        let name = self.name.clone().filter(|name| !name.is_empty())?;
        Some(Named { file: self.config.clone().unwrap_or_else(|| PathBuf::from(environment::FILE)), name })
    }
}

/// What the policies that a command names may use up.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Policies")]
pub struct LimitArgs {
    /// Limits of the policies named here, such as fuelPerVolume=4M,memory=512Mi, with the keys of `limits` in pvmigrate.yaml
    #[arg(id = "policy_limits", long = "policy-limits", value_name = "LIMITS")]
    pub given: Option<GivenLimits>,
}

/// How to talk to a registry.
#[derive(Args, Clone, Copy, Debug)]
pub struct RegistryArgs {
    /// Use plain HTTP, which anyone on the network path can read and change (always used for localhost)
    #[arg(long)]
    pub plain_http: bool,
}

/// Reads a boolean in the words that Go's `flag` package accepts.
pub(crate) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("not a boolean: use true or false".to_owned()),
    }
}
