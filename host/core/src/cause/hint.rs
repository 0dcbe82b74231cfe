//! What to do about each cause.

use super::{Cause, scheduler};

/// What a hint names: where it happened, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The destination class.
    pub class: &'a str,
    /// The image of the pod.
    pub image: &'a str,
}

impl Default for Setting<'_> {
    /// Placeholders, for where it is not known.
    fn default() -> Self {
        Self { namespace: "NAMESPACE", class: "CLASS", image: "the image" }
    }
}

impl Cause {
    /// Returns what to do next. `words` are those that the cause was told from: they name the quota, the taint or the webhook.
    ///
    /// One arm a cause: longer than a function should be, so that the compiler holds it complete.
    pub fn hint(self, setting: &Setting<'_>, words: &str) -> String {
        let Setting { namespace, class, image } = setting;
        match self {
            Self::QuotaFull => quota_full(namespace, words),
            Self::QuotaUnspecified => format!(
                "ResourceQuota{} in namespace {namespace} counts what the pods of pvmigrate do not name; add a LimitRange \
                 with defaults for containers to the namespace",
                named(words, "failed quota: ", ':')
            ),
            Self::LimitRange => format!(
                "widen the bounds for the time of the migration: kubectl describe limitrange -n {namespace} shows them"
            ),
            Self::PodSecurity => pod_security(namespace, words),
            Self::AdmissionDenied => {
                "have that webhook or admission policy make an exception for objects with the label \
                                      app.kubernetes.io/managed-by=pvmigrate"
                    .to_owned()
            }
            Self::WebhookUnreachable => format!(
                "repair the webhook{}, or set its failurePolicy to Ignore until it answers again: kubectl get \
                 validatingwebhookconfigurations,mutatingwebhookconfigurations",
                named(words, "failed calling webhook \"", '"')
            ),
            Self::NamespaceTerminating => format!(
                "nothing can be created in namespace {namespace} any more; wait until it is gone, or leave it out: \
                 --namespace ANOTHER, or a policy"
            ),
            Self::NamespaceMissing => "list the namespaces: kubectl get namespaces".to_owned(),
            Self::NotPermitted => {
                "print what has to be allowed, for an administrator to apply: pvmigrate rbac".to_owned()
            }
            Self::ClassMissing => {
                "create the StorageClass, or give another --dest-sc: kubectl get storageclass".to_owned()
            }
            Self::NoProvisioner => format!(
                "nothing makes volumes of class {class}: create a PersistentVolume of that class for each claim, or give \
                 another --dest-sc"
            ),
            Self::ProvisionerSilent => format!(
                "see whether the provisioner of class {class} runs: kubectl get storageclass {class} names it, kubectl get \
                 pods -A lists the pods; if it is only slow: --pod-ready-timeout SECONDS"
            ),
            Self::ProvisionerFailed => format!(
                "the log of the provisioner of class {class} says more; its name: kubectl get storageclass {class}"
            ),
            Self::BackendFull => {
                format!("free or add capacity on the storage backend of class {class}, or give another --dest-sc")
            }
            Self::AccessModeUnsupported => {
                "see whether the class offers this access mode; another can be asked for by an \
                                            annotation of the claim (kurl.sh/pvcmigrate-destinationaccessmode) or by a \
                                            policy"
                    .to_owned()
            }
            Self::Topology => format!(
                "see where class {class} allows volumes and where its driver runs: kubectl get storageclass {class} -o \
                 yaml (allowedTopologies), kubectl get nodes --show-labels, kubectl get csinodes"
            ),
            Self::NoNodes => "add a node, or wait until the cluster has one: kubectl get nodes".to_owned(),
            Self::NodesCordoned => "uncordon a node: kubectl uncordon NODE (kubectl get nodes lists them)".to_owned(),
            Self::NodesNotReady => {
                "see why the nodes are not Ready: kubectl get nodes, kubectl describe node NODE".to_owned()
            }
            Self::UntoleratedTaint => untolerated_taint(words),
            Self::NodeSelector => format!(
                "the pods of pvmigrate ask for a Linux node, and for what namespace {namespace} adds \
                 (scheduler.alpha.kubernetes.io/node-selector): kubectl get namespace {namespace} -o yaml, kubectl get \
                 nodes --show-labels"
            ),
            Self::VolumeNode => {
                "see which nodes can mount the volume, and bring one of them back: kubectl describe pv \
                                 (Node Affinity), kubectl get nodes"
                    .to_owned()
            }
            Self::VolumesApart => format!(
                "make class {class} provision where the old volumes are (volumeBindingMode WaitForFirstConsumer, \
                 allowedTopologies), or give another --dest-sc; kubectl describe pv shows where each can be mounted"
            ),
            Self::InsufficientResources => {
                "free cpu, memory or room for pods on a node, or add a node: kubectl describe nodes".to_owned()
            }
            Self::AttachLimit => {
                "move pods with volumes off a node, or add a node: kubectl get csinodes -o yaml shows how \
                                  many volumes each driver attaches"
                    .to_owned()
            }
            Self::VolumeInUse => {
                "run migrate again if the pod that has it has moved to another node since; where its driver gives a volume to one \
                 pod only, --no-warm makes no copy while the workload runs"
                    .to_owned()
            }
            Self::VolumeNotMounted => {
                "see whether the driver's pod on that node is well: kubectl get pods -A -o wide".to_owned()
            }
            Self::ImageName => format!("invalid image name {image}; write --rsync-image REGISTRY/NAME:TAG"),
            Self::ImagePull => format!(
                "check name and tag of {image}, whether the nodes reach its registry, and the imagePullSecrets of \
                 ServiceAccount default in namespace {namespace}; or give another --rsync-image"
            ),
            Self::ImageWithoutRsync => format!(
                "{image} has no rsync on its PATH that runs on this kind of node; give another --rsync-image, such as \
                 eeacms/rsync:2.3"
            ),
            Self::RsyncFlags => {
                format!("correct --rsync-flags, or give an --rsync-image with a newer rsync than that of {image}")
            }
            Self::DestinationFull => format!(
                "the files take more room on class {class} than on the old volume: remove some of them, or enlarge the \
                 claim first"
            ),
            Self::PodDeleted => format!(
                "find out what deletes pods in namespace {namespace}, such as a clean-up job or a node that is being \
                 drained, and run the same command again"
            ),
            Self::Unknown => format!(
                "watch it while it is tried again: kubectl get events -n {namespace} --watch; if it is only slow: \
                 --pod-ready-timeout SECONDS"
            ),
        }
    }
}

fn quota_full(namespace: &str, words: &str) -> String {
    format!(
        "raise ResourceQuota{} in namespace {namespace} for the time of the migration, because the old and the new claim \
         exist side by side, or migrate in parts (--parallel 1, or leave claims out with a policy); what is used: kubectl \
         describe resourcequota -n {namespace}",
        named(words, "exceeded quota: ", ',')
    )
}

fn pod_security(namespace: &str, words: &str) -> String {
    let way = if words.contains("security context constraint") {
        format!("oc adm policy add-scc-to-user anyuid -z default -n {namespace}")
    } else {
        format!("kubectl label --overwrite namespace {namespace} pod-security.kubernetes.io/enforce=baseline")
    };
    format!(
        "the pods of pvmigrate run as root, because they copy files of all owners; allow that for the time of the \
         migration: {way}"
    )
}

fn untolerated_taint(words: &str) -> String {
    let taints = scheduler::taints(words);
    let which = if taints.is_empty() {
        "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints shows them".to_owned()
    } else {
        format!("here: {}", taints.join("; "))
    };
    format!(
        "the pods of pvmigrate tolerate NoSchedule taints, and those NoExecute ones that the workload's pods tolerate for \
         good ({which}); take it off a node for the time of the migration: kubectl taint nodes NODE KEY-"
    )
}

/// Returns, after a space, what stands between a prefix and the next `end`; nothing if the prefix is not there.
fn named(words: &str, prefix: &str, end: char) -> String {
    let rest = words.split_once(prefix).and_then(|(_, rest)| rest.split_once(end));
    rest.map(|(name, _)| format!(" {name}")).unwrap_or_default()
}
