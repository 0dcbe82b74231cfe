//! Workloads with files: their manifests, and the shell they run.

use serde_json::{Value, json};

use crate::real::Real;

/// A script that writes its files once, and is ready only while they are as they were written.
pub const KEEPER: &str = r#"
trap 'exit 0' TERM
if [ ! -e /data/made ]; then
    mkdir -p /data/d
    i=0
    while [ $i -lt 20 ]; do
        dd if=/dev/urandom of=/data/d/f$i bs=1k count=$((MIB * 1024 / 20)) 2>/dev/null
        i=$((i + 1))
    done
    ln -s f0 /data/d/link
    chmod 640 /data/d/f1
    chown 1000:1000 /data/d/f2
    (cd /data && find d -type f | sort | xargs sha256sum >sums)
    touch /data/made
fi
(cd /data && sha256sum -c sums >/dev/null) && touch /tmp/ok
while :; do sleep 1 & wait $!; done
"#;

/// A probe that looks at the content again each time it is asked, which for one file costs little.
pub const KEEPER_READY: &str = "test -e /tmp/ok && cd /data && grep 'd/f7$' sums | sha256sum -c >/dev/null";

/// A script that continues a journal of numbered lines where it was left, until it is told to end.
pub const WRITER: &str = r#"
trap 'exit 0' TERM
n=$(tail -n 1 /data/journal 2>/dev/null | cut -d' ' -f1)
n=${n:-0}
while :; do
    n=$((n + 1))
    echo "$n of $(hostname)" >>/data/journal
    usleep 20000 & wait $!
done
"#;

/// The journal is there and is being written.
pub const WRITER_READY: &str = "test -s /data/journal";

/// A script that says on which disk it runs: an empty one gets an identity, made up then and there, and files; every
/// start is a line with the machine's uptime and the identity it found. Besides, it continues a journal as [`WRITER`]
/// does, and is ready `WARM_UP` seconds after its start.
pub const WITNESS: &str = r#"
trap 'exit 0' TERM
if [ ! -e /data/identity ]; then
    echo "$NAMESPACE $(head -c 16 /dev/urandom | sha256sum | cut -c1-32)" >/data/identity
fi
echo "$(cut -d' ' -f1 /proc/uptime) $(cat /data/identity)" >>/data/starts
if [ ! -e /data/made ]; then
    mkdir -p /data/d
    i=0
    while [ $i -lt 20 ]; do
        dd if=/dev/urandom of=/data/d/f$i bs=1k count=$((MIB * 1024 / 20)) 2>/dev/null
        i=$((i + 1))
    done
    ln -s f0 /data/d/link
    touch /data/made
fi
(sleep "$WARM_UP"; touch /tmp/ok) &
n=$(tail -n 1 /data/journal 2>/dev/null | cut -d' ' -f1)
n=${n:-0}
while :; do
    n=$((n + 1))
    echo "$n of $(hostname)" >>/data/journal
    usleep 50000 & wait $!
done
"#;

/// Its warm-up has ended.
pub const WITNESS_READY: &str = "test -e /tmp/ok";

/// The description of a workload.
#[derive(Clone, Debug)]
pub struct App {
    /// Its namespace.
    pub namespace: String,
    /// Its name, and that of its label.
    pub name: String,
    /// How many pods.
    pub replicas: u32,
    /// The shell script of its container, see [`KEEPER`].
    pub script: &'static str,
    /// The shell command that tells whether it is ready.
    pub ready: &'static str,
    /// What the script knows as `MIB`.
    pub mib: u32,
    /// The only node it may run on.
    pub node: Option<&'static str>,
    /// How many seconds after its start a [`WITNESS`] is ready.
    pub warm_up: u32,
}

impl App {
    /// Describes one pod that keeps 1 MiB.
    pub fn keeper(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas: 1,
            script: KEEPER,
            ready: KEEPER_READY,
            mib: 1,
            node: None,
            warm_up: 0,
        }
    }

    /// Describes one pod that writes a journal.
    pub fn writer(namespace: &str, name: &str) -> Self {
        Self { script: WRITER, ready: WRITER_READY, ..Self::keeper(namespace, name) }
    }

    /// Describes one pod that says on which disk it runs.
    pub fn witness(namespace: &str, name: &str) -> Self {
        Self { script: WITNESS, ready: WITNESS_READY, ..Self::keeper(namespace, name) }
    }

    fn spec(&self, real: &Real) -> Value {
        let probe = |period: u32| json!({"exec": {"command": ["sh", "-c", self.ready]}, "periodSeconds": period, "timeoutSeconds": 30});
        let mut startup = probe(1);
        startup["failureThreshold"] = json!(300);
        let mut spec = json!({
            "terminationGracePeriodSeconds": 1,
            "enableServiceLinks": false,
            "dnsPolicy": "Default",
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "c", "image": real.tools, "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", self.script],
                "env": [
                    {"name": "MIB", "value": self.mib.to_string()},
                    {"name": "NAMESPACE", "value": self.namespace},
                    {"name": "WARM_UP", "value": self.warm_up.to_string()},
                ],
                // The first answer makes a pod ready at once; after that it costs a process every so often.
                "startupProbe": startup, "readinessProbe": probe(10),
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
        });
        if let Some(node) = self.node {
            spec["nodeSelector"] = json!({"kubernetes.io/hostname": node});
        }
        spec
    }

    fn metadata(&self) -> Value {
        json!({"name": self.name, "namespace": self.namespace, "labels": {"app": self.name}})
    }

    /// Returns a StatefulSet whose template's claims are of a class, or of the default one.
    pub fn stateful_set(&self, real: &Real, class: Option<&str>) -> Value {
        let mut claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}});
        if let Some(class) = class {
            claim["storageClassName"] = json!(class);
        }
        let labels = json!({"app": self.name});
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": self.metadata(),
            "spec": {
                "serviceName": self.name, "replicas": self.replicas, "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self.spec(real)},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
        })
    }

    /// Returns a Deployment that mounts a claim.
    pub fn deployment(&self, real: &Real, claim: &str) -> Value {
        let mut spec = self.spec(real);
        spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
        let labels = json!({"app": self.name});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(),
            "spec": {
                "replicas": self.replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        })
    }

    /// Returns a pod without an owner that mounts a claim.
    pub fn pod(&self, real: &Real, claim: &str) -> Value {
        let mut spec = self.spec(real);
        spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
        spec["restartPolicy"] = json!("Never");
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": self.metadata(), "spec": spec})
    }
}

/// Returns a claim of 64 MiB.
pub fn claim(namespace: &str, name: &str, class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "labels": {"made-by": "a-test"}},
        "spec": {"storageClassName": class, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}}},
    })
}
