# shellcheck shell=bash
# The bridge, on which the API server listens, and one network namespace for each node, joined to it. Nodes in namespaces
# leave the machine's own routes and forwarding alone, and many clusters fit beside each other.

start_network() {
    local n
    ip link add "$bridge" type bridge
    ip addr add "$subnet.1/24" dev "$bridge"
    ip addr add "$services.1/32" dev "$bridge"
    ip link set "$bridge" up
    for n in 1 2; do join_node "$n"; done
}

# join_node N: makes the namespace of node N and its way to the API server, to the machine and to the other node's pods.
join_node() {
    local n=$1 other=$((3 - $1)) space=$name-node$1
    ip netns add "$space"
    ip link add "$name-ve$n" type veth peer name eth0 netns "$space"
    ip link set "$name-ve$n" master "$bridge" up
    ip -n "$space" link set lo up
    ip -n "$space" addr add "$subnet.1$n/24" dev eth0
    ip -n "$space" link set eth0 up
    ip -n "$space" route add default via "$subnet.1"
    ip -n "$space" route add "$pods.$other.0/24" via "$subnet.1$other"
    ip route add "$pods.$n.0/24" via "$subnet.1$n" dev "$bridge"
    nsenter --net="/run/netns/$space" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}
