//! Gives claims the access mode of their namespace when they move to a class that offers several: `ReadWriteMany` for the
//! team with shared folders, `ReadWriteOncePod` for databases.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;

/// Which namespace gets which access mode.
#[derive(Settings)]
struct ModeMap {
    /// The class that this is about; claims that move to another one keep their modes.
    #[setting(min_length = 1)]
    class: String,
    /// The access mode of each namespace.
    namespaces: BTreeMap<String, AccessMode>,
    /// The access mode of all other namespaces; without it they keep theirs.
    others: Option<AccessMode>,
}

#[derive(Codes)]
enum Code {
    /// the access mode that the settings give the claim's namespace
    NamespaceMode,
    /// the access mode that the settings give all other namespaces
    OthersMode,
    /// a raw block volume keeps its modes, whatever its namespace has
    BlockKept,
    /// the settings name a namespace from which nothing moves
    NamespaceUnused,
}

impl Policy for ModeMap {
    type Code = Code;
    const NAME: &'static str = "mode-map";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "gives claims the access mode of their namespace on one class";
}

impl AccessModes for ModeMap {
    fn shape(&self, request: &Request, volume: &Volume) -> Result<Option<TargetShape>, PolicyError> {
        if request.target.name != self.class || volume.volume_mode == VolumeMode::Block {
            return Ok(None);
        }
        let namespace = &volume.namespace;
        let shape = |mode: AccessMode, code, whose: &str| {
            TargetShape::modes(volume, &[mode], code, format!("{whose} {} on {}", mode.word(), self.class))
        };
        Ok(match (self.namespaces.get(namespace), self.others) {
            (Some(mode), _) => Some(shape(*mode, Code::NamespaceMode, &format!("namespace {namespace} has"))),
            (None, Some(mode)) => Some(shape(mode, Code::OthersMode, "namespaces without a mode of their own have")),
            (None, None) => None,
        })
    }
}

impl Preflight for ModeMap {
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError> {
        if request.target.name != self.class {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for (volume, _) in request.planned(plan) {
            seen.insert(volume.namespace.as_str());
            if volume.volume_mode == VolumeMode::Block && self.namespaces.contains_key(&volume.namespace) {
                let message = "it is a raw block volume, so it keeps its access modes";
                found.push(Finding::info(Code::BlockKept, volume, message));
            }
        }
        // A run in one namespace leaves all others out; that says nothing about the settings.
        let unused =
            self.namespaces.keys().filter(|name| request.namespace().is_none() && !seen.contains(name.as_str()));
        found.extend(unused.map(|name| self.unused(name)));
        Ok(found)
    }
}

impl ModeMap {
    fn unused(&self, namespace: &str) -> Finding {
        let subject = Subject::Object(ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: namespace.to_owned(),
        });
        let message = format!("no claim moves from namespace {namespace}, which the settings name");
        Finding::warning(Code::NamespaceUnused, subject, message).remedy("check the setting namespaces")
    }
}

pvmigrate_policy_sdk::export!(ModeMap: Settings, AccessModes, Preflight);

#[cfg(test)]
mod tests {
    use super::*;
    use pvmigrate_policy_sdk::testing;

    #[test]
    fn the_namespace_comes_before_all_others() {
        let namespaces = BTreeMap::from([("db".to_owned(), AccessMode::ReadWriteOncePod)]);
        let map = ModeMap { class: "new".into(), namespaces, others: Some(AccessMode::ReadWriteMany) };
        let request = testing::request(vec![]);
        let modes = |namespace: &str| {
            let shape = map.shape(&request, &testing::volume(1, namespace, "data"));
            shape.map(|shape| shape.map(|shape| (shape.modes, shape.why.code)))
        };
        assert_eq!(modes("db"), Ok(Some((vec![AccessMode::ReadWriteOncePod], "namespace-mode".into()))));
        assert_eq!(modes("web"), Ok(Some((vec![AccessMode::ReadWriteMany], "others-mode".into()))));
    }
}
