# shellcheck shell=bash
# Taking everything down, from whatever point a start or a run has reached. Needs only what lies in the run directory, so
# that it serves a run that was killed as well. Nothing here is asked to end nicely: nothing of it is to be kept.

# Every process of a run, however it came about, has this variable in its environment, with a value of that run only.
token_name=PVMIGRATE_CLUSTER_RUN

teardown() {
    [ -e "$run" ] || return 0
    if [ ! -O "$run" ] || [ -L "$run" ]; then
        say "$run belongs to somebody else; remove it, or set PVMIGRATE_INSTANCE to another digit"
        return 1
    fi
    # The programs used here are not to find themselves.
    unset "$token_name"
    local left=0
    end_parts
    end_pods || left=1
    end_marked || left=1
    # A shim may have begun another container before its end.
    end_pods || left=1
    unmount_all || left=1
    forget_network
    forget_cgroups || left=1
    forget_strays
    restore_sysctls
    if [ "$left" = 1 ]; then
        # The mark in it is needed to find the rest.
        say "not everything could be taken down, so $run stays; the next start tries again"
        return 1
    fi
    rm -rf --one-file-system "$run"
}

# First the kubelets and all else that would make anew what is removed below. A pid may have been given away since it
# was written down, so that only a process with this run's mark counts.
end_parts() {
    local file pid
    for file in "$run"/pid/*; do
        pid=$(cat "$file" 2>/dev/null) || continue
        marked "/proc/$pid/environ" && kill -9 "$pid" 2>/dev/null
    done
    return 0
}

# marked FILE: whether an environment in /proc has this run's mark.
marked() { grep -qzxF "$token_name=$(cat "$run/token" 2>/dev/null)" "$1" 2>/dev/null; }

# The processes in pods, by our own cgroups; they have not our environment.
end_pods() {
    local pids
    for _ in $(seq 100); do
        pids=$(cgroup_directories | sed 's|$|/cgroup.procs|' | xargs -r cat 2>/dev/null | sort -u)
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086
        kill -9 $pids 2>/dev/null
        sleep 0.05
    done
    say "processes in the cgroups of $name do not end: $pids"
    return 1
}

# Everything else of this run: shims, provisioners, what the command started and left, a step of a start cut short.
end_marked() {
    local token pids
    token=$(cat "$run/token" 2>/dev/null) || return 0
    for _ in $(seq 100); do
        pids=$(grep -lzxF "$token_name=$token" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086
        kill -9 $pids 2>/dev/null
        sleep 0.05
    done
    say "processes of this run do not end: $pids"
    return 1
}

# Newest first, as the later may lie on the earlier. /proc writes blanks as \040.
unmount_all() {
    local mount
    awk -v below="$run/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | tac | while read -r mount; do
        umount -l "$(printf '%b' "$mount")" 2>/dev/null
    done
    grep " $run/" /proc/self/mounts >&2 || return 0
    say "these mounts could not be undone"
    return 1
}

# A link whose other end lies in a namespace goes with either; the addresses and routes go with the bridge.
forget_network() {
    local n
    for n in 1 2; do
        ip netns list 2>/dev/null | grep -qw "$name-node$n" && ip netns del "$name-node$n"
        ip link del "$name-ve$n" 2>/dev/null
    done
    ip link del "$bridge" 2>/dev/null
    return 0
}

# cgroup_directories: prints every directory of our cgroups, in all hierarchies, the deepest first.
cgroup_directories() {
    local top
    for top in /sys/fs/cgroup/"$name"-node[12] /sys/fs/cgroup/*/"$name"-node[12]; do
        [ -d "$top" ] && find "$top" -depth -type d
    done
    return 0
}

# A group cannot go before the kernel is done with its last process, which takes a moment.
forget_cgroups() {
    local group
    for _ in $(seq 100); do
        [ -n "$(cgroup_directories)" ] || return 0
        cgroup_directories | while read -r group; do rmdir "$group" 2>/dev/null; done
        sleep 0.05
    done
    say "cgroups could not be removed: $(cgroup_directories | tail -n 3)"
    return 1
}

# Files that containerd, its shims, CNI and the kubelet put where no setting of theirs can move them.
forget_strays() {
    local file socket
    for file in "$run"/node[12]/containerd/state/io.containerd.runtime.v2.task/k8s.io/*/address; do
        [ -e "$file" ] || continue
        socket=$(cat "$file")
        case $socket in unix:///run/containerd/s/*) rm -f "${socket#unix://}" ;; esac
    done
    rm -f /var/lib/cni/results/"$name"-* 2>/dev/null
    for file in "$run"/node[12]/containerd/root/io.containerd.grpc.v1.cri/sandboxes/*/; do
        [ -d "$file" ] && rm -f "/var/lib/cni/results/cni-loopback-$(basename "$file")-lo"
    done
    [ -d /var/log/containers ] && find /var/log/containers -lname "$run/*" -delete
    return 0
}

# The kubelets set these for the whole machine. What they were before the first instance is put back by the last.
sysctls=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)
sysctls_before=/tmp/pvmigrate-$(id -u).sysctls

keep_sysctls() {
    touch "$run/changes-sysctls"
    [ -e "$sysctls_before" ] || {
        for each in "${sysctls[@]}"; do printf '%s=%s\n' "$each" "$(cat "/proc/sys/${each//.//}")"; done >"$sysctls_before.new"
        mv "$sysctls_before.new" "$sysctls_before"
    }
}

restore_sysctls() {
    local key value
    [ -e "$run/changes-sysctls" ] || return 0
    rm -f "$run/changes-sysctls"
    compgen -G "/tmp/pvmigrate-$(id -u)-?/changes-sysctls" >/dev/null && return 0
    [ -e "$sysctls_before" ] || return 0
    while IFS='=' read -r key value; do
        echo "$value" >"/proc/sys/${key//.//}"
    done <"$sysctls_before"
    rm -f "$sysctls_before"
}
