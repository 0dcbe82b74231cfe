//! Fills in what a cluster would have added to objects that people write by hand, or dump in part.
//!
//! * A claim without a class has the default one.
//! * A claim that says nothing of a volume is bound: to the volume that names it, to a free one that fits, or to one made
//!   for it, of its class and size. One that says `Pending` or `Lost` stays so, and one for which nobody makes a volume (a
//!   selector, a class without a provisioner) is `Pending`.
//! * A claim that was bound once, and names no volume or one that belongs to another claim, is `Lost`.
//! * A workload without pods among the objects has those that its controller would have made, running on the nodes in turn,
//!   with the claims of a StatefulSet's templates and those of generic ephemeral volumes.
//! * An owner reference without a uid has that of the object it names.

use serde_json::{Value, json};

mod binding;
mod names;
mod workloads;

/// On a StorageClass: whether claims without a class get it.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// The same, of older clusters.
const BETA_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";
/// On claims and volumes of older clusters: their class.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Fills in everything, as it would be on a cluster at rest.
pub fn at_rest(objects: &mut Vec<Value>) {
    workloads::add_pods(objects);
    workloads::add_claims(objects);
    names::add_uids(objects);
    classes(objects);
    binding::bind(objects, &|_| true);
    workloads::run(objects);
}

/// Fills in what the controllers of a cluster could not: claims get their class, and volumes unless their class has a
/// provisioner that will make one.
pub fn without_controllers(objects: &mut Vec<Value>) {
    classes(objects);
    let provisioned: Vec<String> = of_kind(objects, "StorageClass")
        .filter(|class| class["provisioner"] != crate::from_resource::class::NO_PROVISIONER)
        .map(|class| name(class).to_owned())
        .collect();
    let is_provisioned =
        |claim: &Value| class_of(claim).is_some_and(|class| provisioned.iter().any(|one| one == class));
    // Provisioners do not look at a claim with a selector.
    binding::bind(objects, &|claim| !is_provisioned(claim) || claim["spec"].get("selector").is_some());
}

/// Gives a claim a volume of its own, as the provisioner of its class would, whatever free ones there are. The volume has the
/// name that the claim says, or one made of the claim's.
pub fn provision(objects: &mut Vec<Value>, claim: usize) {
    binding::provision(objects, claim);
}

/// Gives each object a uid, and each owner reference the uid of the owner.
pub fn uids(objects: &mut [Value]) {
    names::add_uids(objects);
}

/// Writes each claim's and volume's class where it belongs today.
fn classes(objects: &mut [Value]) {
    let default = default_class(objects).map(str::to_owned);
    for object in
        objects.iter_mut().filter(|object| is(object, "PersistentVolumeClaim") || is(object, "PersistentVolume"))
    {
        let old = object["metadata"]["annotations"][BETA_CLASS].as_str().map(str::to_owned);
        let own = class_of(object).map(str::to_owned);
        let default = default.clone().filter(|_| is(object, "PersistentVolumeClaim"));
        if let Some(class) = old.or(own).or(default) {
            object["spec"]["storageClassName"] = json!(class);
        }
    }
}

/// Returns the default class: the newest, when there are several.
fn default_class(objects: &[Value]) -> Option<&str> {
    let is_default = |class: &&Value| {
        [DEFAULT_CLASS, BETA_DEFAULT_CLASS].iter().any(|key| class["metadata"]["annotations"][key] == "true")
    };
    let created = |class: &Value| class["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    of_kind(objects, "StorageClass")
        .filter(is_default)
        .max_by_key(|class| (created(class), std::cmp::Reverse(name(class).to_owned())))
        .map(name)
}

/// Tells whether an object is of a kind; kinds of this name in other groups do not matter here.
fn is(object: &Value, kind: &str) -> bool {
    object["kind"] == kind
}

fn of_kind<'a>(objects: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| is(object, kind))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

fn key(object: &Value) -> (String, String) {
    (namespace(object).to_owned(), name(object).to_owned())
}

fn class_of(object: &Value) -> Option<&str> {
    object["spec"]["storageClassName"].as_str()
}

#[cfg(test)]
mod tests;
