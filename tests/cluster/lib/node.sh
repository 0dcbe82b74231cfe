# shellcheck shell=bash
# Nodes: each a containerd and a kubelet in the node's network namespace. They share the machine's files.

# inside N COMMAND...: runs a command in the network namespace of node N. Not by `ip netns exec`, which lays another
# /sys over the cgroups.
inside() { nsenter --net="/run/netns/$name-node$1" "${@:2}"; }

# containers N ARGUMENTS...: the command line of node N's containerd.
containers() { ctr -a "$run/node$1/containerd.sock" -n k8s.io "${@:2}"; }

# node_ready N: whether the API server knows node N and hears that it is ready. By curl, for which the API server puts
# each field on a line of its own: asking ten times a second, kubectl would take a good part of a core.
node_ready() {
    answers "/api/v1/nodes/node$1" | grep -A1 '"type": "Ready"' | grep '"status": "True"'
}

start_nodes() {
    local n
    keep_sysctls
    for n in 1 2; do
        make_cgroups "$n"
        launch_containerd "$n"
    done
    make_images
    for n in 1 2; do
        await "containerd-node$n" 30 "its socket" ctr -a "$run/node$n/containerd.sock" version
        import_images "$n" || give_up "containerd-node$n" "the images could not be given to node$n"
        launch_kubelet "$n"
    done
    for n in 1 2; do
        await "kubelet-node$n" 90 "node$n being ready" node_ready "$n"
    done
}

# make_cgroups N: makes the cgroup below which the kubelet makes those of its pods, in every hierarchy.
make_cgroups() {
    local top group
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        group=/sys/fs/cgroup/$name-node$1
        mkdir -p "$group"
        sed 's/\([^ ]\+\)/+\1/g' "$group/cgroup.controllers" >"$group/cgroup.subtree_control"
        return
    fi
    for top in /sys/fs/cgroup/*/; do
        [ "$top" = /sys/fs/cgroup/unified/ ] || mkdir -p "$top$name-node$1"
    done
    # A new cpuset has no processor and no memory, and takes no process until it has.
    for top in cpus mems; do
        cat "/sys/fs/cgroup/cpuset/cpuset.$top" >"/sys/fs/cgroup/cpuset/$name-node$1/cpuset.$top"
    done
}

launch_containerd() {
    local n=$1 at=$run/node$1
    mkdir -p "$at/cni"
    cat >"$at/cni/10-bridge.conflist" <<J
{"cniVersion":"0.4.0","name":"$name-node$n","plugins":[{"type":"bridge","bridge":"pods","isGateway":true,"ipMasq":false,
"ipam":{"type":"host-local","dataDir":"$at/addresses","ranges":[[{"subnet":"$pods.$n.0/24"}]],
"routes":[{"dst":"0.0.0.0/0"}]}}]}
J
    # restrict_oom_score_adj: this machine may withhold the right to lower it, and pause would not start.
    # netns_mounts_under_state_dir and Root: what containerd makes stays below the run directory.
    cat >"$at/containerd.toml" <<T
version = 2
root = "$at/containerd/root"
state = "$at/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$at/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "$(command -v runc)"
        Root = "$at/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$at/cni"
T
    launch "containerd-node$n" nsenter --net="/run/netns/$name-node$n" containerd -c "$at/containerd.toml"
}

import_images() {
    local image
    for image in pause tools; do
        containers "$1" images import "$run/images/$image.tar" >>"$run/log/containerd-node$1.log" 2>&1 || return 1
    done
}

launch_kubelet() {
    local n=$1 at=$run/node$1
    mkdir -p "$at/podlogs"
    # Evictions would only come from what else fills this machine's disk.
    cat >"$at/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $subnet.1$n
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $run/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $run/pki/kubelet-node$n.crt
tlsPrivateKeyFile: $run/pki/kubelet-node$n.key
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: unix://$at/containerd.sock
podLogsDir: $at/podlogs
volumePluginDir: $at/volume-plugins
cgroupDriver: cgroupfs
cgroupRoot: /$name-node$n
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
# A minute otherwise.
volumeStatsAggPeriod: 10s
Y
    launch "kubelet-node$n" nsenter --net="/run/netns/$name-node$n" "$bin/kube" kubelet --config="$at/kubelet.yaml" \
        --kubeconfig="$run/pki/kubelet-node$n.conf" --hostname-override="node$n" --node-ip="$subnet.1$n" \
        --root-dir="$at/kubelet" --cert-dir="$at/kubelet-pki"
}
