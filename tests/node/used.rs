//! How full claims are, as real kubelets tell policies.

use pvmigrate_core::survey::Scope;
use pvmigrate_tests::apps::App;

use crate::stage::{CSI, LOCAL, PATIENCE, Stage};

const BIG: u64 = 5 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn kubelets_tell_how_full_claims_are() {
    let stage = Stage::new("used").await;
    for (name, class) in [("csi", CSI[0]), ("local", LOCAL[0])] {
        stage.deploy(&App::keeper(&stage.namespace, name), name, class).await;
        std::fs::write(stage.directory(name).await.join("big"), vec![7; BIG as usize]).unwrap();
    }
    let client = &kube::Client::try_default().await.unwrap();
    let scope = &Scope {
        namespace: Some(stage.namespace.clone()),
        source_class: CSI[0].to_owned(),
        dest_class: CSI[1].to_owned(),
        skip_source_validation: false,
    };
    let look = || async move {
        let mut survey = pvmigrate_cluster::survey(client, scope).await?;
        pvmigrate_cluster::fill_used_bytes(client, &mut survey).await;
        let used = |name: &str| survey.volumes.iter().find(|volume| volume.name == name).unwrap().used_bytes;
        // A local volume is a folder of the node's disk, of which its kubelet tells.
        assert_eq!(used("local"), None);
        // A kubelet measures now and then.
        Ok(used("csi").filter(|used| *used >= BIG))
    };
    let used = stage.real.until("the kubelet has measured the volume", PATIENCE, look).await.unwrap();
    assert!(used < BIG + (1 << 20), "{used}");
    stage.end("a kubelet told how full a claim is").await;
}
