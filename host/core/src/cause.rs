//! Causes: why a claim or a pod of ours does not get on, told from what the components of Kubernetes write about it.
//!
//! A pure function of those words: the API server's refusals, the reasons and messages of events, and what a pod's own
//! status says. The words of each component are in the table test beside this file.

use std::fmt;

use serde::Serialize;

mod hint;
mod scheduler;

pub use hint::Setting;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// The kinds of cause. Scripts match on their words: they are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[$doc])* $variant,)* }

        impl Cause {
            /// All causes, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

causes! {
    /// A ResourceQuota has no room for it.
    QuotaFull = "quota-full",
    /// A ResourceQuota counts something that the pod does not name.
    QuotaUnspecified = "quota-unspecified",
    /// It is beyond the bounds of a LimitRange.
    LimitRange = "limit-range",
    /// Pod Security, or OpenShift's security context constraints, refuse the pod.
    PodSecurity = "pod-security",
    /// An admission webhook or a ValidatingAdmissionPolicy refuses it.
    AdmissionDenied = "admission-denied",
    /// An admission webhook does not answer.
    WebhookUnreachable = "webhook-unreachable",
    /// Its namespace is being deleted.
    NamespaceTerminating = "namespace-terminating",
    /// Its namespace does not exist.
    NamespaceMissing = "namespace-missing",
    /// The credentials do not allow it.
    NotPermitted = "not-permitted",
    /// Its StorageClass does not exist.
    ClassMissing = "class-missing",
    /// Its StorageClass has no provisioner in this cluster, and no free volume fits.
    NoProvisioner = "no-provisioner",
    /// Its provisioner does nothing.
    ProvisionerSilent = "provisioner-silent",
    /// Its provisioner fails, for a reason of its own.
    ProvisionerFailed = "provisioner-failed",
    /// The storage backend has no room.
    BackendFull = "backend-full",
    /// Its provisioner does not offer such an access mode.
    AccessModeUnsupported = "access-mode-unsupported",
    /// The StorageClass's `allowedTopologies`, or where its driver runs, leave no place.
    Topology = "topology",
    /// The cluster has no node.
    NoNodes = "no-nodes",
    /// The nodes are cordoned.
    NodesCordoned = "nodes-cordoned",
    /// The nodes are not Ready.
    NodesNotReady = "nodes-not-ready",
    /// The nodes have a taint that the pod does not tolerate.
    UntoleratedTaint = "untolerated-taint",
    /// No node has what the pod's selector or affinity asks for.
    NodeSelector = "node-selector",
    /// The volume can only be mounted on nodes that do not exist or do not take the pod.
    VolumeNode = "volume-node",
    /// No node can mount both the old volume and the new one.
    VolumesApart = "volumes-apart",
    /// The nodes have too little free cpu or memory, or too many pods.
    InsufficientResources = "insufficient-resources",
    /// The nodes have as many volumes attached as their drivers allow.
    AttachLimit = "attach-limit",
    /// Another pod has the volume, and its driver gives it to one pod or one node only.
    VolumeInUse = "volume-in-use",
    /// The node cannot attach or mount the volume.
    VolumeNotMounted = "volume-not-mounted",
    /// The name of the image is invalid.
    ImageName = "image-name",
    /// The image cannot be pulled.
    ImagePull = "image-pull",
    /// The image has no rsync that runs on the node.
    ImageWithoutRsync = "image-without-rsync",
    /// The image's rsync does not know a flag.
    RsyncFlags = "rsync-flags",
    /// The files do not fit on the new volume.
    DestinationFull = "destination-full",
    /// Somebody deleted the pod.
    PodDeleted = "pod-deleted",
    /// The words do not tell.
    Unknown = "unknown",
}

/// How soon waiting longer is known to be in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Patience {
    /// At once: it never changes by itself.
    AtOnce,
    /// After a moment: caches of controllers may lag, and an image may be pulled at the second try.
    Moment,
    /// Not before the time is up: it may pass by itself.
    Whole,
}

/// What is looked for in the words, in lower case; the first match counts.
const PHRASES: &[(&str, Cause)] = &[
    // The API server's admission.
    ("exceeded quota:", Cause::QuotaFull),
    ("failed quota:", Cause::QuotaUnspecified),
    ("violates podsecurity", Cause::PodSecurity),
    ("unable to validate against any security context constraint", Cause::PodSecurity),
    ("storage usage per persistentvolumeclaim is", Cause::LimitRange),
    ("usage per container is", Cause::LimitRange),
    ("usage per pod is", Cause::LimitRange),
    ("max limit to request ratio per", Cause::LimitRange),
    ("because it is being terminated", Cause::NamespaceTerminating),
    ("failed calling webhook", Cause::WebhookUnreachable),
    ("denied the request", Cause::AdmissionDenied),
    ("denied request:", Cause::AdmissionDenied),
    ("is forbidden: user ", Cause::NotPermitted),
    // kubelet, containerd and CRI-O.
    ("invalidimagename", Cause::ImageName),
    ("invalid reference format", Cause::ImageName),
    ("errimagepull", Cause::ImagePull),
    ("errimageneverpull", Cause::ImagePull),
    ("imagepullbackoff", Cause::ImagePull),
    ("imageinspecterror", Cause::ImagePull),
    ("registryunavailable", Cause::ImagePull),
    ("signaturevalidationfailed", Cause::ImagePull),
    ("failed to pull image", Cause::ImagePull),
    ("back-off pulling image", Cause::ImagePull),
    ("executable file not found", Cause::ImageWithoutRsync),
    ("executable file `rsync` not found", Cause::ImageWithoutRsync),
    ("exec: \"rsync\"", Cause::ImageWithoutRsync),
    ("exec format error", Cause::ImageWithoutRsync),
    ("unknown option", Cause::RsyncFlags),
    ("syntax or usage error", Cause::RsyncFlags),
    ("requested action not supported", Cause::RsyncFlags),
    // With its number it is rsync's word, without it a provisioner's.
    ("no space left on device (28)", Cause::DestinationFull),
    ("volume attachment limit", Cause::AttachLimit),
    ("attachment limit exceeded", Cause::AttachLimit),
    ("maximum number of attached volumes", Cause::AttachLimit),
    ("multi-attach error", Cause::VolumeInUse),
    ("already used by pod", Cause::VolumeInUse),
    ("failedattachvolume", Cause::VolumeNotMounted),
    ("failedmount", Cause::VolumeNotMounted),
    ("failedmapvolume", Cause::VolumeNotMounted),
    ("somebody deleted the pod", Cause::PodDeleted),
    ("marking for deletion pod", Cause::UntoleratedTaint),
    // Our own.
    ("no node can mount both", Cause::VolumesApart),
    // The volume controller and the provisioners.
    ("no volume plugin matched", Cause::NoProvisioner),
    ("access mode", Cause::AccessModeUnsupported),
    ("accessmode", Cause::AccessModeUnsupported),
    ("volume capabilit", Cause::AccessModeUnsupported),
    ("volumecapabilit", Cause::AccessModeUnsupported),
    ("multi_node", Cause::AccessModeUnsupported),
    ("accessibility requirements", Cause::Topology),
    ("allowed topologies", Cause::Topology),
    ("allowedtopologies", Cause::Topology),
    ("resourceexhausted", Cause::BackendFull),
    ("no space left", Cause::BackendFull),
    ("not enough disk space", Cause::BackendFull),
    ("not enough free s", Cause::BackendFull),
    ("insufficient capacity", Cause::BackendFull),
    ("limitexceeded", Cause::BackendFull),
    ("quotaexceeded", Cause::BackendFull),
    ("quota exceeded", Cause::BackendFull),
    ("quota_exceeded", Cause::BackendFull),
    ("waiting for a volume to be created", Cause::ProvisionerSilent),
    ("external provisioner is provisioning volume", Cause::ProvisionerSilent),
    ("provisioningfailed", Cause::ProvisionerFailed),
    ("failed to provision volume", Cause::ProvisionerFailed),
];

impl Cause {
    /// Tells the cause from words about one claim or pod, the claim's first. What follows from something else, such as a
    /// pod that waits for its claim, counts only where nothing says more.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let found: Vec<Self> = words.into_iter().filter_map(Self::of_one).collect();
        let own = found.iter().find(|cause| !cause.is_vague());
        own.or(found.first()).copied().unwrap_or(Self::Unknown)
    }

    fn of_one(words: &str) -> Option<Self> {
        let words = words.to_lowercase();
        if scheduler::is_of_scheduler(&words) {
            return scheduler::cause(&words);
        }
        // A kubelet may look at a claim only once its authorizer has seen that a pod of its node uses it; it tries again.
        if words.contains("user \"system:node:") {
            return Some(Self::VolumeNotMounted);
        }
        let is_missing = |kind: &str| words.contains(&format!("{kind} \"")) && words.contains("not found");
        if is_missing("storageclass.storage.k8s.io") {
            return Some(Self::ClassMissing);
        }
        if is_missing("namespaces") {
            return Some(Self::NamespaceMissing);
        }
        PHRASES.iter().find(|(phrase, _)| words.contains(phrase)).map(|(_, cause)| *cause)
    }

    /// Tells whether another message may say more.
    fn is_vague(self) -> bool {
        matches!(self, Self::ProvisionerSilent | Self::ProvisionerFailed | Self::VolumeNotMounted | Self::Unknown)
    }

    /// Returns how soon it is known that waiting for it is in vain.
    pub fn patience(self, words: &str) -> Patience {
        match self {
            Self::QuotaFull
            | Self::QuotaUnspecified
            | Self::LimitRange
            | Self::PodSecurity
            | Self::AdmissionDenied
            | Self::NamespaceTerminating
            | Self::NamespaceMissing
            | Self::NotPermitted
            | Self::ClassMissing
            | Self::ImageName
            | Self::ImageWithoutRsync
            | Self::RsyncFlags
            | Self::DestinationFull
            | Self::PodDeleted
            | Self::VolumesApart
            | Self::AccessModeUnsupported => Patience::AtOnce,
            // Not the network's fault, and not the registry's.
            Self::ImagePull if says_no(words) => Patience::Moment,
            Self::NoProvisioner
            | Self::Topology
            | Self::NodesCordoned
            | Self::UntoleratedTaint
            | Self::NodeSelector
            | Self::VolumeNode => Patience::Moment,
            Self::ImagePull
            | Self::WebhookUnreachable
            | Self::ProvisionerSilent
            | Self::ProvisionerFailed
            | Self::BackendFull
            | Self::NoNodes
            | Self::NodesNotReady
            | Self::InsufficientResources
            | Self::AttachLimit
            | Self::VolumeInUse
            | Self::VolumeNotMounted
            | Self::Unknown => Patience::Whole,
        }
    }
}

/// Tells whether a registry has answered, and the answer was no.
fn says_no(words: &str) -> bool {
    let words = words.to_lowercase();
    ["notfound", "not found", "manifest unknown", "unauthorized", "denied", "forbidden"]
        .iter()
        .any(|no| words.contains(no))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
