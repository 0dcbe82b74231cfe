//! StorageClasses (`storage.k8s.io/v1`).

use k8s_openapi::api::storage::v1::StorageClass;
use pvmigrate_core::names;
use pvmigrate_core::policy::known_modes;
use pvmigrate_core::policy::{self, Pairs};

use super::{Unreadable, annotation, pairs};

/// The older spelling of [`names::DEFAULT_CLASS`]; Kubernetes still obeys it.
pub const BETA_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";

pub fn name(class: &StorageClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

/// Tells whether claims without a class get this one.
pub fn is_default(class: &StorageClass) -> bool {
    [names::DEFAULT_CLASS, BETA_DEFAULT_CLASS].iter().any(|key| annotation(&class.metadata, key) == Some("true"))
}

/// Describes a class for policies. When `strict`, what is not understood of it is an error; else it is unknown.
pub fn read(class: &StorageClass, strict: bool) -> Result<policy::StorageClass, Unreadable> {
    let annotations = pairs(class.metadata.annotations.as_ref());
    let known_modes = match known_modes::of_class(&class.provisioner, &annotations) {
        Ok(modes) => modes,
        Err(error) if strict => {
            let about = format!("StorageClass {}", name(class));
            return Err(Unreadable { about, message: error.to_string() });
        }
        // What a class offers that the run does not use is never asked.
        Err(_unused) => Vec::new(),
    };
    Ok(policy::StorageClass {
        name: name(class).to_owned(),
        provisioner: class.provisioner.clone(),
        parameters: pairs(class.parameters.as_ref()),
        annotations,
        reclaim_policy: class.reclaim_policy.clone().unwrap_or_else(|| "Delete".to_owned()),
        binding_mode: class.volume_binding_mode.clone().unwrap_or_else(|| "Immediate".to_owned()),
        allow_expansion: class.allow_volume_expansion.unwrap_or(false),
        known_modes,
        facts: Pairs::new(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    #[test]
    fn absent_fields_are_what_the_api_server_makes_of_them() {
        let class = read(&yaml("{metadata: {name: plain}, provisioner: example.com/disk}"), true).unwrap();
        assert_eq!((class.reclaim_policy.as_str(), class.binding_mode.as_str()), ("Delete", "Immediate"));
        assert!(!class.allow_expansion && class.known_modes.is_empty());
    }

    #[test]
    fn an_unreadable_annotation_matters_only_where_it_is_asked() {
        let class: StorageClass = yaml(
            "{metadata: {name: odd, annotations: {pvmigrate.dev/access-modes: RWY}}, provisioner: example.com/disk}",
        );
        assert_eq!(read(&class, true).unwrap_err().about, "StorageClass odd");
        assert_eq!(read(&class, false).unwrap().known_modes, []);
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
