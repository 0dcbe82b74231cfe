//! Moves the default StorageClass (`--set-defaults`).

use k8s_openapi::api::storage::v1::StorageClass;
use kube::Client;
use kube::api::ListParams;
use pvmigrate_core::names;

use crate::error::Error;
use crate::manifest::patch;
use crate::resources::{Changed, Resources};
use pvmigrate_objects::from_resource::class::{BETA_DEFAULT_CLASS, is_default, name};
use pvmigrate_objects::from_resource::version;

/// Classes change rarely: more conflicts than this in a row mean that somebody writes in a loop.
const TRIES: u32 = 5;

/// Makes `to` the default StorageClass, and no other; returns the names of the classes changed, `to` first.
///
/// `to` becomes a default before the others stop being one: in between Kubernetes takes the newer of two, while with
/// none a new claim would get no class at all.
///
/// # Errors
/// [`Error::NotFound`] when there is no class `to`; what the API server refuses, naming the class.
pub async fn move_default(client: &Client, to: &str) -> Result<Vec<String>, Error> {
    let classes = Resources::<StorageClass>::whole(client);
    let mut changed: Vec<String> = Vec::new();
    let mut tries = 0;
    loop {
        tries += 1;
        let listed = classes.list(&ListParams::default()).await?.items;
        let Some(target) = listed.iter().find(|class| name(class) == to) else {
            let message = format!("StorageClass {to} not found");
            return Err(Error::NotFound { action: classes.action("get").on(to), message });
        };
        let others = listed.iter().filter(|class| name(class) != to && is_default(class));
        let target = Some(target).filter(|class| !is_default(class));
        let mut is_done = true;
        for (class, becomes) in target.map(|class| (class, true)).into_iter().chain(others.map(|class| (class, false)))
        {
            let spellings = [names::DEFAULT_CLASS, BETA_DEFAULT_CLASS];
            let patch = patch::default_class(&version(&class.metadata), becomes, spellings);
            match classes.patch(name(class), &patch).await? {
                Changed::To(_) => changed.push(name(class).to_owned()),
                Changed::Conflict | Changed::Missing => is_done = false,
            }
        }
        if is_done {
            return Ok(changed);
        }
        if tries == TRIES {
            let message = "another program is changing the StorageClasses at the same time".to_owned();
            return Err(Error::Conflict { action: classes.action("patch"), message });
        }
    }
}
