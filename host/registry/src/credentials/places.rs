//! Where podman and docker keep their credentials.

use std::ffi::OsString;
use std::path::PathBuf;

/// The files to look into, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) files: Vec<PathBuf>,
    /// The variable that names the one file, which has to exist then.
    pub(super) named_by: Option<&'static str>,
}

impl Places {
    /// Returns where this user's are.
    pub(super) fn usual() -> Self {
        let uid = cfg!(target_os = "linux").then(|| rustix::process::getuid().as_raw());
        Self::of(|name| std::env::var_os(name), uid)
    }

    /// Returns them as `lookup` has the variables. With a variable of its own only one file counts, as with podman, so that
    /// nobody is signed in by what lies around. Without `XDG_RUNTIME_DIR` podman keeps them in a folder by the user's id,
    /// where there is one: on Linux.
    fn of(lookup: impl Fn(&str) -> Option<OsString>, uid: Option<u32>) -> Self {
        let folder = |name: &str| lookup(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        if let Some(file) = folder("REGISTRY_AUTH_FILE") {
            return Self { files: vec![file], named_by: Some("REGISTRY_AUTH_FILE") };
        }
        if let Some(docker) = folder("DOCKER_CONFIG") {
            return Self { files: vec![docker.join("config.json")], named_by: None };
        }
        let (home, runtime) = (folder("HOME"), folder("XDG_RUNTIME_DIR"));
        let by_uid = uid.map(|uid| PathBuf::from(format!("/run/containers/{uid}")));
        let runtime = runtime.map(|folder| folder.join("containers")).filter(|_| uid.is_some()).or(by_uid);
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let podman = [runtime, config.map(|folder| folder.join("containers"))];
        let podman = podman.into_iter().flatten().map(|folder| folder.join("auth.json"));
        let docker = home.map(|home| home.join(".docker/config.json"));
        Self { files: podman.chain(docker).collect(), named_by: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(set: &[(&str, &str)], uid: Option<u32>) -> Vec<String> {
        let lookup = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| OsString::from(text));
        Places::of(lookup, uid).files.iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn podmans_files_come_before_dockers_and_a_variable_leaves_one() {
        let (home, runtime) = (("HOME", "/home/me"), ("XDG_RUNTIME_DIR", "/run/user/7"));
        let (config, docker) = ("/home/me/.config/containers/auth.json", "/home/me/.docker/config.json");
        assert_eq!(files(&[home, runtime], Some(7)), ["/run/user/7/containers/auth.json", config, docker]);
        assert_eq!(files(&[home], Some(7)), ["/run/containers/7/auth.json", config, docker]);
        assert_eq!(files(&[home, runtime], None), [config, docker], "not Linux");
        let own = ("XDG_CONFIG_HOME", "/etc/me");
        assert_eq!(files(&[home, own], None), ["/etc/me/containers/auth.json", docker]);
        assert_eq!(files(&[home, runtime, ("DOCKER_CONFIG", "/d")], Some(7)), ["/d/config.json"]);
        let named = ("REGISTRY_AUTH_FILE", "/a.json");
        assert_eq!(files(&[home, runtime, ("DOCKER_CONFIG", "/d"), named], Some(7)), ["/a.json"]);
        assert_eq!(files(&[home, ("REGISTRY_AUTH_FILE", ""), ("DOCKER_CONFIG", "")], None), [config, docker]);
        assert!(files(&[], None).is_empty());
    }
}
