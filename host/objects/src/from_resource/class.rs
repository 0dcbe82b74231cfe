//! StorageClasses (`storage.k8s.io/v1`).

use std::cmp::Reverse;

use k8s_openapi::api::storage::v1::StorageClass;
use pvmigrate_core::names;
use pvmigrate_core::policy::{self, ClassMode, Pairs, known_modes};

use super::{annotation, created, pairs};

/// The provisioner of a class whose volumes people make.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// The older spelling of [`names::DEFAULT_CLASS`]; Kubernetes still obeys it.
pub const BETA_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";

pub fn name(class: &StorageClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

/// Tells whether claims without a class get this one.
pub fn is_default(class: &StorageClass) -> bool {
    [names::DEFAULT_CLASS, BETA_DEFAULT_CLASS].iter().any(|key| annotation(&class.metadata, key) == Some("true"))
}

/// Returns the class that claims without one get: the newest, when several say they are the default.
pub fn default(classes: &[StorageClass]) -> Option<&str> {
    let defaults = classes.iter().filter(|class| is_default(class));
    defaults.max_by_key(|class| (created(&class.metadata), Reverse(name(class)))).map(name)
}

/// Returns the access modes that a class is known to offer; an error when its annotation cannot be understood.
pub fn known_modes(class: &StorageClass) -> Result<Vec<ClassMode>, String> {
    known_modes::of_class(&class.provisioner, &pairs(class.metadata.annotations.as_ref()))
        .map_err(|error| error.to_string())
}

/// Describes a class for policies. Access modes that cannot be understood are not known.
pub fn read(class: &StorageClass) -> policy::StorageClass {
    policy::StorageClass {
        name: name(class).to_owned(),
        provisioner: class.provisioner.clone(),
        parameters: pairs(class.parameters.as_ref()),
        annotations: pairs(class.metadata.annotations.as_ref()),
        reclaim_policy: class.reclaim_policy.clone().unwrap_or_else(|| "Delete".to_owned()),
        binding_mode: class.volume_binding_mode.clone().unwrap_or_else(|| "Immediate".to_owned()),
        allow_expansion: class.allow_volume_expansion.unwrap_or(false),
        known_modes: known_modes(class).unwrap_or_default(),
        facts: Pairs::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    #[test]
    fn absent_fields_are_what_the_api_server_makes_of_them() {
        let class = read(&yaml("{metadata: {name: plain}, provisioner: example.com/disk}"));
        assert_eq!((class.reclaim_policy.as_str(), class.binding_mode.as_str()), ("Delete", "Immediate"));
        assert!(!class.allow_expansion && class.known_modes.is_empty());
    }

    #[test]
    fn an_unreadable_annotation_matters_only_where_it_is_asked() {
        let class: StorageClass = yaml(
            "{metadata: {name: odd, annotations: {pvmigrate.dev/access-modes: RWY}}, provisioner: example.com/disk}",
        );
        assert!(known_modes(&class).unwrap_err().contains("RWY"));
        assert_eq!(read(&class).known_modes, []);
    }

    #[test]
    fn both_spellings_make_a_default() {
        for key in [names::DEFAULT_CLASS, BETA_DEFAULT_CLASS] {
            let class = |value: &str| {
                yaml(&format!("{{metadata: {{name: a, annotations: {{{key}: '{value}'}}}}, provisioner: p}}"))
            };
            assert!(is_default(&class("true")) && !is_default(&class("false")));
        }
    }
}
