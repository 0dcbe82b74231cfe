//! What of the given objects a rehearsal did not play.

use std::fmt::Write as _;

use pvmigrate_rehearsal::{LeftOut, NotPlayed, Unplayed};
use serde::Serialize;

use super::lines::hanging;
use super::{Screen, clean};

/// Says it: objects without effect by kind, `-v` by name; features with the objects that use them.
pub fn text(not_played: &NotPlayed, screen: &Screen) -> String {
    labelled("Not played", not_played, screen)
}

/// Says it of what another command has left aside.
pub fn labelled(label: &str, not_played: &NotPlayed, screen: &Screen) -> String {
    let label = format!("{label}: ");
    let mut text = String::new();
    if !not_played.kinds.is_empty() {
        let kinds: Vec<String> = not_played.kinds.iter().map(|kind| of_kind(kind, screen)).collect();
        text.push_str(&hanging(&label, &kinds.join(", "), screen.width));
    }
    for Unplayed { feature, objects } in &not_played.features {
        let users: Vec<String> = objects.iter().map(|user| clean(&user_text(user))).collect();
        let words = format!("{}: {}", feature.as_str(), users.join(", "));
        text.push_str(&hanging(&label, &words, screen.width));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn of_kind(kind: &LeftOut, screen: &Screen) -> String {
    let mut text = format!("{} {} ({})", kind.objects.len(), clean(&kind.kind), clean(&kind.api_version));
    if screen.verbose > 0 {
        let names: Vec<String> =
            kind.objects.iter().map(|named| place(named.namespace.as_deref(), &named.name)).collect();
        // Writing to a String cannot fail.
        let _infallible = write!(text, ": {}", clean(&names.join(" ")));
    }
    text
}

fn place(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn user_text(user: &pvmigrate_rehearsal::User) -> String {
    format!("{} {}", user.kind, place(user.namespace.as_deref(), &user.name))
}

/// The same for scripts.
#[derive(Debug, Serialize)]
pub struct NotPlayedJson<'a> {
    kinds: Vec<KindJson<'a>>,
    features: Vec<FeatureJson<'a>>,
}

/// The objects of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindJson<'a> {
    api_version: &'a str,
    kind: &'a str,
    objects: Vec<String>,
}

/// Lists the objects by kind.
pub fn kinds(not_played: &NotPlayed) -> Vec<KindJson<'_>> {
    let kind =
        |kind: &'_ LeftOut| (kind.objects.iter().map(|named| place(named.namespace.as_deref(), &named.name))).collect();
    let json = not_played.kinds.iter().map(|one| KindJson {
        api_version: &one.api_version,
        kind: &one.kind,
        objects: kind(one),
    });
    json.collect()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeatureJson<'a> {
    feature: &'a str,
    objects: Vec<String>,
}

impl<'a> From<&'a NotPlayed> for NotPlayedJson<'a> {
    fn from(not_played: &'a NotPlayed) -> Self {
        let features = not_played.features.iter().map(|unplayed| FeatureJson {
            feature: unplayed.feature.as_str(),
            objects: unplayed.objects.iter().map(user_text).collect(),
        });
        Self { kinds: kinds(not_played), features: features.collect() }
    }
}

#[cfg(test)]
mod tests {
    use pvmigrate_rehearsal::{Feature, Named, User};

    use super::*;
    use crate::render::samples;

    #[test]
    fn kinds_are_counted_and_named_with_v() -> Result<(), serde_json::Error> {
        let named = |namespace: Option<&str>, name: &str| Named {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        let backup = User {
            kind: "CronJob".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "backup".to_owned(),
            claims: vec!["data".to_owned()],
        };
        let not_played = NotPlayed {
            kinds: vec![
                LeftOut {
                    api_version: "v1".to_owned(),
                    kind: "ConfigMap".to_owned(),
                    objects: vec![named(Some("shop"), "a"), named(Some("shop"), "b")],
                },
                LeftOut { api_version: "x/v1".to_owned(), kind: "Odd".to_owned(), objects: vec![named(None, "o")] },
            ],
            features: vec![Unplayed { feature: Feature::Schedules, objects: vec![backup] }],
        };
        let quiet = samples::screen(Some(80));
        insta::assert_snapshot!(text(&not_played, &quiet));
        let loud = Screen { verbose: 1, ..samples::screen(Some(80)) };
        assert!(text(&not_played, &loud).contains("2 ConfigMap (v1): shop/a shop/b, 1 Odd (x/v1): o"));
        assert_eq!(text(&NotPlayed::default(), &quiet), "");
        insta::assert_snapshot!(serde_json::to_string_pretty(&NotPlayedJson::from(&not_played))?);
        Ok(())
    }
}
