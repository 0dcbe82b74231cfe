//! What the components of Kubernetes write, and the cause behind it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use super::*;

/// Words as an API refusal, an event (`Reason: message`) or a pod's status has them, and their cause.
const WORDS: &[(Cause, &str)] = &[
    // kube-apiserver: admission plugins.
    (
        Cause::QuotaFull,
        "persistentvolumeclaims \"pf-pvc-1\" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1",
    ),
    (
        Cause::QuotaFull,
        "pods \"p\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=4, limited: pods=4",
    ),
    (
        Cause::VolumeNotMounted,
        "Unable to attach or mount volumes: unmounted volumes=[dest], failed to process volumes=[dest]: error processing PVC ns/pf-pvc-1: failed to fetch PVC from API server: persistentvolumeclaims \"pf-pvc-1\" is forbidden: User \"system:node:node2\" cannot get resource \"persistentvolumeclaims\" in API group \"\" in the namespace \"ns\": no relationship found between node 'node2' and this object",
    ),
    (Cause::QuotaUnspecified, "pods \"p\" is forbidden: failed quota: mem: must specify limits.memory for: pvmigrate"),
    (
        Cause::LimitRange,
        "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi",
    ),
    (
        Cause::LimitRange,
        "persistentvolumeclaims \"c\" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi",
    ),
    (Cause::LimitRange, "pods \"p\" is forbidden: minimum cpu usage per Container is 200m, but request is 100m"),
    (Cause::LimitRange, "pods \"p\" is forbidden: maximum memory usage per Pod is 1Gi.  No limit is specified"),
    (
        Cause::LimitRange,
        "pods \"p\" is forbidden: cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ),
    (
        Cause::PodSecurity,
        "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": unrestricted capabilities (container \"pvmigrate\" must not include \"CHOWN\", \"DAC_OVERRIDE\" in securityContext.capabilities.add), runAsNonRoot != true, runAsUser=0",
    ),
    (
        Cause::PodSecurity,
        "pods \"p\" is forbidden: unable to validate against any security context constraint: [provider \"anyuid\": Forbidden: not usable by user or serviceaccount]",
    ),
    (
        Cause::NamespaceTerminating,
        "persistentvolumeclaims \"c\" is forbidden: unable to create new content in namespace ns because it is being terminated",
    ),
    (Cause::NamespaceMissing, "namespaces \"ns\" not found"),
    (
        Cause::AdmissionDenied,
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: resource Pod/ns/p was blocked due to the following policies",
    ),
    (
        Cause::AdmissionDenied,
        "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'images' with binding 'all' denied request: image is not from our registry",
    ),
    (
        Cause::WebhookUnreachable,
        "Internal error occurred: failed calling webhook \"mutate.example.com\": failed to call webhook: Post \"https://hook.ns.svc:443/?timeout=10s\": dial tcp 10.0.0.1:443: connect: connection refused",
    ),
    (
        Cause::NotPermitted,
        "persistentvolumeclaims is forbidden: User \"dev\" cannot create resource \"persistentvolumeclaims\" in API group \"\" in the namespace \"ns\"",
    ),
    // kube-controller-manager: the volume controller.
    (Cause::ClassMissing, "ProvisioningFailed: storageclass.storage.k8s.io \"b\" not found"),
    (Cause::NoProvisioner, "ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner"),
    (
        Cause::ProvisionerSilent,
        "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'b.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    ),
    (Cause::ProvisionerSilent, "Provisioning: External provisioner is provisioning volume for claim \"ns/pf-pvc-1\""),
    // Provisioners: Amazon EBS, in-tree EBS, Azure Disk, Ceph RBD, Google PD, DigitalOcean, local-path.
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: failed to provision volume with StorageClass \"gp3\": rpc error: code = InvalidArgument desc = Volume capabilities MULTI_NODE_MULTI_WRITER not supported. Only AccessModes[ReadWriteOnce] supported.",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: Failed to provision volume with StorageClass \"gp2\": invalid AccessModes [ReadWriteMany]: only AccessModes [ReadWriteOnce] are supported",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: failed to provision volume with StorageClass \"managed\": rpc error: code = InvalidArgument desc = Volume capability not supported",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: failed to provision volume with StorageClass \"rbd\": rpc error: code = InvalidArgument desc = multi node access modes are only supported on rbd `block` type volumes",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: failed to provision volume with StorageClass \"pd\": rpc error: code = InvalidArgument desc = VolumeCapabilities is invalid: specified multi writer with mount access type",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: rpc error: code = InvalidArgument desc = volume capabilities cannot be satisfied: unsupported access mode MULTI_NODE_MULTI_WRITER",
    ),
    (
        Cause::AccessModeUnsupported,
        "ProvisioningFailed: failed to provision volume with StorageClass \"standard\": NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes",
    ),
    (
        Cause::Topology,
        "ProvisioningFailed: failed to provision volume with StorageClass \"gp2\": error generating accessibility requirements: no topology key found on CSINode node-1",
    ),
    (
        Cause::Topology,
        "ProvisioningFailed: failed to provision volume with StorageClass \"b\": error generating accessibility requirements: selected node '\"node-1\"' topology 'map[topology.example.com/zone:a]' is not in allowed topologies: [map[topology.example.com/zone:b]]",
    ),
    (
        Cause::BackendFull,
        "ProvisioningFailed: failed to provision volume with StorageClass \"csi-rawfile-default\": rpc error: code = ResourceExhausted desc = Not enough disk space",
    ),
    (
        Cause::BackendFull,
        "ProvisioningFailed: failed to provision volume with StorageClass \"gp3\": rpc error: code = Internal desc = Could not create volume: VolumeLimitExceeded: You have exceeded your maximum gp3 storage limit of 50 TiB",
    ),
    (
        Cause::ProvisionerFailed,
        "ProvisioningFailed: failed to provision volume with StorageClass \"b\": rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    ),
    // kube-scheduler, of several releases.
    (Cause::NoNodes, "FailedScheduling: no nodes available to schedule pods"),
    (Cause::NoNodes, "FailedScheduling: 0/0 nodes are available: no nodes available to schedule pods."),
    (
        Cause::NodesCordoned,
        "FailedScheduling: 0/3 nodes are available: 3 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    ),
    (
        Cause::NodesCordoned,
        "FailedScheduling: 0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    ),
    (
        Cause::NodesCordoned,
        "Unschedulable: 0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unschedulable: }.",
    ),
    (
        Cause::UntoleratedTaint,
        "FailedScheduling: 0/4 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) had untolerated taint {dedicated: gpu}. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
    ),
    (Cause::UntoleratedTaint, "FailedScheduling: 0/17 nodes are available: 17 node(s) had untolerated taint(s)."),
    (
        Cause::UntoleratedTaint,
        "FailedScheduling: 0/2 nodes are available: 2 node(s) had taint {maintenance: now}, that the pod didn't tolerate.",
    ),
    (
        Cause::UntoleratedTaint,
        "FailedScheduling: 0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.",
    ),
    (Cause::UntoleratedTaint, "TaintManagerEviction: Marking for deletion Pod ns/pvmigrate-pf-pod-1"),
    (
        Cause::NodesNotReady,
        "FailedScheduling: 0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
    ),
    (
        Cause::NodeSelector,
        "FailedScheduling: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ),
    (Cause::NodeSelector, "FailedScheduling: 0/3 nodes are available: 3 node(s) didn't match node selector."),
    (
        Cause::VolumeNode,
        "FailedScheduling: 0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match PersistentVolume's node affinity.",
    ),
    (
        Cause::VolumesApart,
        "claim data: no node can mount both volume pv-a (kubernetes.io/hostname=n2) and the new one, pv-b (kubernetes.io/hostname=n1)",
    ),
    (Cause::VolumeNode, "FailedScheduling: 0/2 nodes are available: 2 node(s) had volume node affinity conflict."),
    (
        Cause::NoProvisioner,
        "FailedScheduling: 0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling..",
    ),
    (
        Cause::InsufficientResources,
        "FailedScheduling: 0/3 nodes are available: 3 Insufficient cpu, 1 Insufficient memory.",
    ),
    (Cause::InsufficientResources, "FailedScheduling: 0/1 nodes are available: 1 Too many pods."),
    (Cause::AttachLimit, "FailedScheduling: 0/2 nodes are available: 2 node(s) exceed max volume count."),
    (Cause::BackendFull, "FailedScheduling: 0/2 nodes are available: 2 node(s) did not have enough free storage."),
    (
        Cause::Unknown,
        "FailedScheduling: 0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    ),
    // The attach-detach controller and kubelet.
    (
        Cause::VolumeNotMounted,
        "FailedAttachVolume: AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal desc = timed out",
    ),
    (
        Cause::VolumeInUse,
        "FailedAttachVolume: Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) web-0",
    ),
    (
        Cause::VolumeInUse,
        "FailedAttachVolume: Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another",
    ),
    (Cause::VolumeNotMounted, "FailedMount: MountVolume.SetUp failed for volume \"pvc-1\" : exit status 32"),
    (
        Cause::AttachLimit,
        "FailedAttachVolume: AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = ResourceExhausted desc = volume attachment limit of 25 reached",
    ),
    (
        Cause::ImageName,
        "InvalidImageName: Failed to apply default image tag \"Nope:1\": couldn't parse image name \"Nope:1\": invalid reference format: repository name (library/Nope) must be lowercase",
    ),
    (
        Cause::ImagePull,
        "ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/eeacms/rsync:0\": failed to resolve reference \"docker.io/eeacms/rsync:0\": docker.io/eeacms/rsync:0: not found",
    ),
    (Cause::ImagePull, "ImagePullBackOff: Back-off pulling image \"eeacms/rsync:2.3\""),
    (
        Cause::ImagePull,
        "Failed: Failed to pull image \"x\": rpc error: code = Unknown desc = Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
    ),
    (
        Cause::ImageWithoutRsync,
        "rsync ended with exit code 128 (StartError): failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"rsync\": executable file not found in $PATH: unknown",
    ),
    (
        Cause::ImageWithoutRsync,
        "CreateContainerError: container create failed: executable file `rsync` not found in $PATH: No such file or directory",
    ),
    (Cause::ImageWithoutRsync, "rsync ended with exit code 1 (wrong flags): exec /usr/bin/rsync: exec format error"),
    (Cause::RsyncFlags, "rsync ended with exit code 1 (wrong flags): rsync: --archve: unknown option"),
    (
        Cause::RsyncFlags,
        "rsync ended with exit code 1 (wrong flags): rsync: --bwlimit=abc is invalid; rsync error: syntax or usage error (code 1) at main.c(1782) [client=3.2.7]",
    ),
    (
        Cause::DestinationFull,
        "rsync ended with exit code 11 (it could not read or write files; the destination may be full): rsync: [receiver] write failed on \"/dest/a\": No space left on device (28)",
    ),
    (Cause::PodDeleted, "somebody deleted the pod"),
    (Cause::Unknown, "the claim is Pending"),
];

#[test]
fn every_component_is_understood() {
    for (cause, words) in WORDS {
        assert_eq!(Cause::of([*words]), *cause, "{words}");
    }
}

#[test]
fn every_cause_has_words_of_its_own_and_a_hint_of_its_own() {
    let told: BTreeSet<Cause> = WORDS.iter().map(|(cause, _)| *cause).collect();
    let untold: Vec<&Cause> = Cause::ALL.iter().filter(|cause| !told.contains(cause)).collect();
    assert_eq!(untold, Vec::<&Cause>::new());
    let setting = Setting { namespace: "ns", class: "b", image: "eeacms/rsync:2.3" };
    let hints: BTreeSet<String> = Cause::ALL.iter().map(|cause| cause.hint(&setting, "")).collect();
    assert_eq!(hints.len(), Cause::ALL.len());
    let of_modes = Cause::AccessModeUnsupported.hint(&setting, "");
    assert!(hints.iter().filter(|hint| hint.contains("access mode")).eq([&of_modes]), "{hints:?}");
}

#[test]
fn words_of_causes_are_unique_kebab_case_and_the_same_in_json() {
    let words: BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(words.len(), Cause::ALL.len());
    for cause in Cause::ALL {
        assert!(cause.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{cause}");
        assert_eq!(serde_json::to_value(cause).unwrap(), serde_json::json!(cause.as_str()));
    }
}

/// The messages of one failing trial: what only follows from another, or says less, does not count.
#[test]
fn of_several_messages_the_one_that_says_most_counts() {
    let pod = "FailedScheduling: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    let failed =
        "ProvisioningFailed: failed to provision volume with StorageClass \"b\": rpc error: code = Internal desc = x";
    let cordoned = "FailedScheduling: 0/3 nodes are available: 3 node(s) were unschedulable.";
    assert_eq!(Cause::of([failed, pod]), Cause::ProvisionerFailed);
    assert_eq!(Cause::of([failed, cordoned]), Cause::NodesCordoned);
    assert_eq!(Cause::of([pod]), Cause::Unknown);
    assert_eq!(Cause::of([]), Cause::Unknown);
}

#[test]
fn a_hint_names_what_the_words_name() {
    let setting = Setting { namespace: "ns", class: "b", image: "x" };
    let hint = |words: &str| Cause::of([words]).hint(&setting, words);
    let quota = hint(WORDS[0].1);
    assert!(quota.contains("ResourceQuota q in namespace ns") && quota.contains("in parts"), "{quota}");
    let taint = hint(
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 1 node(s) \
         had untolerated taint {dedicated: gpu}, 1 node(s) had untolerated taint {drained: }.",
    );
    assert!(taint.contains("(here: dedicated: gpu; drained)") && taint.contains("NoExecute"), "{taint}");
    let unnamed = hint("0/17 nodes are available: 17 node(s) had untolerated taint(s).");
    assert!(unnamed.contains("custom-columns"), "{unnamed}");
    let webhook = hint("Internal error occurred: failed calling webhook \"mutate.example.com\": EOF");
    assert!(webhook.contains("mutate.example.com"), "{webhook}");
    assert!(hint("ErrImagePull: not found").contains(" x,"), "the image");
    let static_class = hint("ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner");
    assert!(static_class.contains("class b") && static_class.contains("--dest-sc"), "{static_class}");
}

#[test]
fn what_may_pass_by_itself_is_waited_for_and_nothing_else() {
    let patience = |words: &str| Cause::of([words]).patience(words);
    for (expected, words) in [
        (Patience::AtOnce, "InvalidImageName: invalid reference format"),
        (Patience::AtOnce, "ProvisioningFailed: invalid AccessModes [ReadWriteMany]"),
        (Patience::Moment, "ErrImagePull: x:1: not found"),
        (Patience::Moment, "ErrImagePull: pull access denied, repository does not exist"),
        (Patience::Whole, "ErrImagePull: dial tcp: i/o timeout"),
        (Patience::Moment, "0/1 nodes are available: 1 node(s) were unschedulable."),
        (Patience::Whole, "0/1 nodes are available: 1 Insufficient cpu."),
        (Patience::Whole, "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."),
        (Patience::Whole, "ProvisioningFailed: rpc error: code = DeadlineExceeded desc = slow"),
        (Patience::Whole, "the claim is Pending"),
    ] {
        assert_eq!(patience(words), expected, "{words}");
    }
}
