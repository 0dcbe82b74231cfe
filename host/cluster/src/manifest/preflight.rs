//! The claim and the pod of a preflight trial.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, PersistentVolumeClaim, PersistentVolumeClaimSpec, Pod, PodSpec, Volume, VolumeDevice,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::access::VolumeMode;
use pvmigrate_core::names;
use pvmigrate_core::policy::quantity::Bytes;
use pvmigrate_core::trial::{BYTES, Trial, TrialClaim};

use super::claim::mode_names;
use super::pod::{Place, bare_spec, container, no_sidecar_annotations, pod_labels, trial_args, volume};
use super::{labels, map};

/// The annotation of what a trial makes, so that only that is ever taken for a leftover of one.
pub(crate) const TRIAL: &str = "pvmigrate.dev/preflight";

/// Names the trial's claim: the same in every run, so that a killed run's is found again.
pub(crate) fn claim_name(trial: &Trial, class: &str) -> String {
    format!("pf-pvc-{}", hash(trial, class))
}

pub(crate) fn pod_name(trial: &Trial, class: &str) -> String {
    format!("pvmigrate-pf-pod-{}", hash(trial, class))
}

fn hash(trial: &Trial, class: &str) -> String {
    let modes = mode_names(&trial.modes).join(",");
    names::short_hash(&[&trial.namespace, class, &modes, trial.volume_mode.as_str()])
}

pub(crate) fn claim(trial: &Trial, class: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(claim_name(trial, class)),
            namespace: Some(trial.namespace.clone()),
            labels: Some(labels()),
            annotations: Some(map([(TRIAL, class)])),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(mode_names(&trial.modes)),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(Bytes(BYTES).to_string()))].into()),
                limits: None,
            }),
            storage_class_name: Some(class.to_owned()),
            volume_mode: Some(trial.volume_mode.as_str().to_owned()),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// Builds a pod that mounts the claim, if there is one, and runs rsync with the flags of the copies, which tries out image and
/// flags too.
pub(crate) fn pod(trial: &Trial, class: &str, image: &str, flags: &[String]) -> Pod {
    let mut container = container(image, trial_args(flags), false, Place::ONLY);
    let claim = (trial.claim == TrialClaim::Made).then(|| claim_name(trial, class));
    let empty =
        Volume { name: "dest".to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() };
    let volumes = match claim {
        Some(claim) if trial.volume_mode == VolumeMode::Block => {
            let device = VolumeDevice { name: "device".to_owned(), device_path: "/dev/dest".to_owned() };
            container.volume_devices = Some(vec![device]);
            vec![empty, volume("device", &claim, false)]
        }
        Some(claim) => vec![volume("dest", &claim, false)],
        None => vec![empty],
    };
    let mut annotations = no_sidecar_annotations();
    annotations.extend(map([(TRIAL, class)]));
    Pod {
        metadata: ObjectMeta {
            name: Some(pod_name(trial, class)),
            namespace: Some(trial.namespace.clone()),
            labels: Some(pod_labels()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: vec![container],
            volumes: Some(volumes),
            ..bare_spec(trial.tolerations.iter())
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::access::AccessMode;

    use super::*;

    fn trial(volume_mode: VolumeMode) -> Trial {
        Trial {
            namespace: "shop".to_owned(),
            modes: vec![AccessMode::ReadWriteOnce],
            volume_mode,
            claim: TrialClaim::Made,
            tolerations: std::collections::BTreeSet::new(),
        }
    }

    #[test]
    fn the_objects_of_a_trial() {
        let trial = trial(VolumeMode::Filesystem);
        insta::assert_json_snapshot!("preflight_claim", claim(&trial, "fast"));
        insta::assert_json_snapshot!(
            "preflight_pod",
            pod(&trial, "fast", "eeacms/rsync:2.3", &["--bwlimit=10m".to_owned()])
        );
    }

    #[test]
    fn a_block_volume_is_a_device_and_has_another_name() {
        let (files, block) = (trial(VolumeMode::Filesystem), trial(VolumeMode::Block));
        assert_ne!(claim_name(&files, "fast"), claim_name(&block, "fast"));
        assert_ne!(claim_name(&files, "fast"), claim_name(&files, "slow"));
        let pod = pod(&block, "fast", "image", &[]);
        let spec = pod.spec.unwrap_or_default();
        assert_eq!(spec.containers[0].volume_devices.as_ref().map(Vec::len), Some(1));
    }
}
