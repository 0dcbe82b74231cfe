#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    key: Key,
    uid: Uid,
    version: Version,
}

impl Kept for Thing {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.uid
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

fn thing(name: &str, uid: &str, version: u64) -> Thing {
    let (uid, version) = (Uid(uid.to_owned()), Version(version.to_string()));
    Thing { key: Key::new("shop", name), uid, version }
}

fn cache() -> Cache<Thing> {
    Cache::new(Arc::default())
}

fn version(cache: &Cache<Thing>, name: &str) -> Option<String> {
    cache.get(&Key::new("shop", name)).map(|thing| thing.version.0.clone())
}

fn delete(cache: &Cache<Thing>, thing: &Thing) {
    cache.deleted(&thing.key, &thing.uid, &thing.version);
}

#[test]
fn an_answer_hides_older_events_and_yields_to_newer_ones() {
    let cache = cache();
    cache.applied(thing("a", "u", 9));
    cache.saw(thing("a", "u", 12));
    cache.applied(thing("a", "u", 10));
    assert_eq!(version(&cache, "a").unwrap(), "12");
    cache.applied(thing("a", "u", 12));
    cache.applied(thing("a", "u", 15));
    assert_eq!(version(&cache, "a").unwrap(), "15");
    cache.saw(thing("a", "u", 13));
    assert_eq!(version(&cache, "a").unwrap(), "15", "an answer that comes late shows nothing new");
}

#[test]
fn versions_are_numbers_not_texts() {
    let cache = cache();
    cache.applied(thing("a", "u", 9));
    cache.saw(thing("a", "u", 10));
    assert_eq!(version(&cache, "a").unwrap(), "10");
}

#[test]
fn what_was_created_is_there_at_once_and_what_was_deleted_is_gone_at_once() {
    let cache = cache();
    cache.saw(thing("new", "n", 5));
    assert_eq!(cache.in_namespace("shop").len(), 1);
    cache.applied(thing("old", "o", 4));
    cache.saw_gone(&Key::new("shop", "old"), &Uid("o".to_owned()));
    cache.applied(thing("old", "o", 6));
    assert_eq!(version(&cache, "old"), None, "an event from before the end");
    delete(&cache, &thing("old", "o", 7));
    cache.applied(thing("old", "p", 8));
    assert_eq!(version(&cache, "old").unwrap(), "8", "another object of the name");
    assert!(cache.in_namespace("shopping").is_empty());
}

#[test]
fn a_recreated_object_is_not_taken_for_the_deleted_one() {
    let cache = cache();
    cache.applied(thing("a", "first", 3));
    cache.saw_gone(&Key::new("shop", "a"), &Uid("first".to_owned()));
    cache.saw(thing("a", "second", 8));
    cache.applied(thing("a", "first", 5));
    delete(&cache, &thing("a", "first", 7));
    assert_eq!(version(&cache, "a").unwrap(), "8");
    delete(&cache, &thing("a", "second", 9));
    assert_eq!(version(&cache, "a"), None);
}

#[test]
fn a_late_answer_does_not_bring_a_deleted_object_back() {
    let cache = cache();
    cache.applied(thing("a", "u", 3));
    delete(&cache, &thing("a", "u", 6));
    cache.saw(thing("a", "u", 5));
    assert_eq!(version(&cache, "a"), None);
}

#[test]
fn a_new_list_keeps_only_answers_it_cannot_include() {
    let cache = cache();
    cache.saw(thing("before", "b", 5));
    cache.list_begins();
    cache.saw(thing("during", "d", 7));
    cache.listed(thing("listed", "l", 2));
    cache.list_ends();
    assert_eq!(version(&cache, "before"), None, "the list was asked for after it, and does not have it");
    assert_eq!(version(&cache, "during").unwrap(), "7");
    assert_eq!(version(&cache, "listed").unwrap(), "2");
}

#[test]
fn a_list_of_ours_shows_what_is_gone() {
    let cache = cache();
    for (name, version) in [("gone", 3), ("stays", 4), ("newer", 9)] {
        cache.applied(thing(name, name, version));
    }
    cache.saw_all("shop", vec![thing("stays", "stays", 4), thing("fresh", "fresh", 6)], &Version("7".to_owned()));
    let names: Vec<String> = cache.in_namespace("shop").iter().map(|thing| thing.key.name.clone()).collect();
    assert_eq!(names, ["fresh", "newer", "stays"]);
}

#[tokio::test]
async fn an_object_that_has_just_changed_gets_time_to_rest() {
    let cache = Arc::new(cache());
    let key = Key::new("shop", "a");
    cache.saw(thing("a", "u", 5));
    let other = Arc::clone(&cache);
    let wait = tokio::spawn(async move { other.is_still(&key, &Version("5".to_owned())).await });
    tokio::task::yield_now().await;
    cache.applied(thing("a", "u", 6));
    assert!(!wait.await.unwrap());
    assert!(cache.is_still(&Key::new("shop", "a"), &Version("6".to_owned())).await);
}

#[tokio::test]
async fn an_object_that_never_rests_is_not_waited_for() {
    let cache = cache();
    let key = Key::new("shop", "a");
    for version in 1..=u64::from(MOST_PAUSES) {
        cache.saw(thing("a", "u", version));
        assert!(!cache.is_still(&key, &Version("0".to_owned())).await);
    }
    cache.saw(thing("a", "u", 9));
    let before = Instant::now();
    assert!(cache.is_still(&key, &Version("9".to_owned())).await);
    assert!(before.elapsed() < QUIET);
}

#[tokio::test]
async fn waiting_ends_with_the_change_or_the_limit() {
    let cache = Arc::new(cache());
    let key = Key::new("shop", "a");
    assert!(!cache.until(&key, Duration::from_millis(5), |thing| thing.is_some()).await);
    let other = Arc::clone(&cache);
    let wait = tokio::spawn(async move { other.until(&key, Duration::from_secs(60), |thing| thing.is_some()).await });
    tokio::task::yield_now().await;
    cache.applied(thing("a", "u", 1));
    assert!(wait.await.unwrap());
}
