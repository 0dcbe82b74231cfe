# shellcheck shell=bash disable=SC2034
# Where one instance of the cluster lives, what it is called, and what it listens on. Read by every script here.

PATH=$PATH:/usr/sbin:/sbin

instance=${PVMIGRATE_INSTANCE:-0}
case $instance in
    [0-9]) ;;
    *)
        echo "PVMIGRATE_INSTANCE is '$instance'; it must be a digit, 0 to 9" >&2
        exit 2
        ;;
esac

# Fixed by user and instance, so that a start finds what an earlier one left when it was killed. Short, because the
# sockets below it may be 107 characters long and no longer.
run=/tmp/pvmigrate-$(id -u)-$instance
lock=$run.lock

# The start of every name that is seen outside the run directory: bridge, network namespaces, cgroups.
name=pvm$instance
bridge=$name
subnet=10.199.$instance   # .1 the bridge, .11 and .12 the nodes
services=10.97.$instance  # .1 the API server, which listens on the very address of its service: no kube-proxy is needed
pods=10.$((200 + instance)) # .N.0/24 the pods of node N

# Below the ports that Linux hands out by itself.
port=$((21000 + 10 * instance))
etcd_port=$port
etcd_peer_port=$((port + 1))
server_port=$((port + 2))
controller_manager_port=$((port + 3))
scheduler_port=$((port + 4))

# server_of MODE: prints the address and port at which the API server listens.
server_of() {
    if [ "$1" = nodes ]; then echo "$services.1:443"; else echo "127.0.0.1:$server_port"; fi
}
