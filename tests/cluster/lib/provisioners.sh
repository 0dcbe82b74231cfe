# shellcheck shell=bash
# Who makes volumes: the local-path provisioner, and two CSI drivers with an external-provisioner each. They run as
# processes of this machine, in no pod, as administrators of the cluster.

start_provisioners() {
    local driver
    mkdir -p "$run"/volumes/{local-a,local-b,csi-a,csi-b,csi-small}
    sed "s|@VOLUMES@|$run/volumes|g" "$here/manifests/local-path.yaml" >"$run/local-path.yaml"
    kubectl apply -f "$run/local-path.yaml" -f "$here/manifests/csi.yaml" >"$run/log/manifests.log" 2>&1 ||
        give_up manifests "the storage classes could not be made"
    start_local_path
    for driver in a b; do start_csi "$driver"; done
    for driver in a b; do
        await "csi-$driver-node1" 60 "driver $driver on node1" driver_ready node1 "$driver"
        await "csi-$driver-node2" 60 "driver $driver on node2" driver_ready node2 "$driver"
    done
}

start_local_path() {
    launch local-path env POD_NAMESPACE=local-path-storage POD_NAME=local-path CONFIG_MOUNT_PATH= \
        "$bin/local-path-provisioner" --debug start --kubeconfig "$run/pki/admin.conf" \
        --helper-image localhost/tools:1
    await local-path 30 "its start" grep -q 'Started provisioner controller' "$run/log/local-path.log"
}

# start_csi DRIVER: starts an instance of the driver on each node, and its provisioner beside the first.
start_csi() {
    local n full=$1.csi.pvmigrate.test at
    for n in 1 2; do
        at=$run/node$n/kubelet
        launch "csi-$1-node$n" "$bin/csi-driver" -name "$full" -node "node$n" \
            -socket "$at/plugins/$full/csi.sock" -registration "$at/plugins_registry/$full.sock" \
            -volumes "$run/volumes" -records "$run/csi-$1"
    done
    await "csi-$1-node1" 10 "its socket" test -S "$run/node1/kubelet/plugins/$full/csi.sock"
    # It asks the API server which nodes there are, and asks the one driver for volumes of every node.
    launch "csi-$1-provisioner" "$bin/csi-provisioner" --kubeconfig "$run/pki/admin.conf" \
        --csi-address "$run/node1/kubelet/plugins/$full/csi.sock" --volume-name-prefix pvc --v 3
}

# driver_ready NODE DRIVER: whether the kubelet of that node has told the API server of the driver.
driver_ready() {
    answers "/apis/storage.k8s.io/v1/csinodes/$1" | grep -F "\"name\": \"$2.csi.pvmigrate.test\""
}
