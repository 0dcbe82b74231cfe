# shellcheck shell=bash
# The control plane: etcd, API server, controller manager, scheduler.

# kubectl ARGUMENTS...: the cluster's own kubectl, as its administrator; the machine need not have one.
kubectl() { "$bin/kube" kubectl --kubeconfig "$run/pki/admin.conf" "$@"; }

# answers PATH: whether the API server answers this path with success.
answers() {
    curl -sf --max-time 2 --cacert "$run/pki/ca.crt" --cert "$run/pki/admin.crt" --key "$run/pki/admin.key" \
        "https://$(server_of "$mode")$1"
}

start_control() {
    start_etcd
    start_apiserver
    start_controller_manager
    start_scheduler
    await controller-manager 60 "the first service account" answers /api/v1/namespaces/default/serviceaccounts/default
    await scheduler 30 "its health" curl -skf "https://127.0.0.1:$scheduler_port/healthz"
}

# Nothing here outlives the run, so etcd need not wait for the disk. `env -i`: it reads ETCD_* variables.
start_etcd() {
    local url=http://127.0.0.1:$etcd_port peer=http://127.0.0.1:$etcd_peer_port
    launch etcd env -i PATH="$PATH" "$token_name=$token" etcd --data-dir "$run/etcd" --unsafe-no-fsync \
        --listen-client-urls "$url" --advertise-client-urls "$url" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
    await etcd 30 "its health" curl -sf "$url/health"
}

start_apiserver() {
    local server
    server=$(server_of "$mode")
    cat >"$run/audit.yaml" <<'Y'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
# What a status says is what others wait for: a pod that is Ready, a volume that is Available, a claim that is Bound.
rules:
- level: Request
  verbs: [update, patch]
  resources: [{group: "", resources: [pods/status, persistentvolumes/status, persistentvolumeclaims/status]}]
- {level: Metadata}
Y
    # The endpoints of the service `kubernetes` may not be on loopback and are used by nobody: none are kept.
    launch apiserver "$bin/kube" kube-apiserver --etcd-servers="http://127.0.0.1:$etcd_port" \
        --bind-address="${server%:*}" --advertise-address="${server%:*}" --secure-port="${server#*:}" \
        --endpoint-reconciler-type=none --service-cluster-ip-range="$services.0/24" \
        --client-ca-file="$run/pki/ca.crt" \
        --tls-cert-file="$run/pki/apiserver.crt" --tls-private-key-file="$run/pki/apiserver.key" \
        --service-account-key-file="$run/pki/sa.pub" --service-account-signing-key-file="$run/pki/sa.key" \
        --service-account-issuer=https://kubernetes.default.svc \
        --kubelet-client-certificate="$run/pki/apiserver-kubelet.crt" \
        --kubelet-client-key="$run/pki/apiserver-kubelet.key" --kubelet-preferred-address-types=InternalIP \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --audit-policy-file="$run/audit.yaml" --audit-log-path="$run/log/audit.log" --audit-log-maxsize=100000
    await apiserver 90 "its readiness" answers /readyz
}

start_controller_manager() {
    local conf=$run/pki/kube-controller-manager.conf
    launch controller-manager "$bin/kube" kube-controller-manager --kubeconfig="$conf" \
        --authentication-kubeconfig="$conf" --authorization-kubeconfig="$conf" \
        --bind-address=127.0.0.1 --secure-port="$controller_manager_port" --leader-elect=false \
        --service-account-private-key-file="$run/pki/sa.key" --root-ca-file="$run/pki/ca.crt" \
        --kube-api-qps=500 --kube-api-burst=1000 \
        --use-service-account-credentials=true --flex-volume-plugin-dir="$run/volume-plugins"
}

start_scheduler() {
    local conf=$run/pki/kube-scheduler.conf
    launch scheduler "$bin/kube" kube-scheduler --kubeconfig="$conf" \
        --authentication-kubeconfig="$conf" --authorization-kubeconfig="$conf" \
        --bind-address=127.0.0.1 --secure-port="$scheduler_port" --leader-elect=false \
        --kube-api-qps=500 --kube-api-burst=1000
}
