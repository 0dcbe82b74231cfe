//! What `cleanup` found, and what became of it.

use pvmigrate_cluster::cleanup::Leftover;
use serde::Serialize;

use super::Screen;
use super::json::{ExitJson, SCHEMA_VERSION};
use super::table::Table;
use crate::exit::Exit;

/// The fate of a thing that was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is still there.
    Found,
    /// It is gone.
    Removed,
    /// Somebody changed it meanwhile, so it was left alone.
    Changed,
}

impl Fate {
    fn describe(self) -> &'static str {
        match self {
            Self::Found => "still there",
            Self::Removed => "removed",
            Self::Changed => "changed in the meantime, left alone",
        }
    }
}

/// Returns the leftovers for people.
pub fn text(fates: &[(Leftover, Fate)], screen: &Screen) -> String {
    if fates.is_empty() {
        return "Nothing left behind.\n".to_owned();
    }
    let mut table = Table::new(&["NAMESPACE", "WHAT", "NAME", "FOR CLAIM", "STATUS"], &[]);
    for (left, fate) in fates {
        let claims = left.claims.join(", ");
        table.row(&[
            left.namespace.as_str(),
            left.kind.describe(),
            &left.name,
            if left.claims.is_empty() { "-" } else { &claims },
            fate.describe(),
        ]);
    }
    table.text(screen.width)
}

/// The leftovers for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftoversJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    leftovers: Vec<LeftoverJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LeftoverJson<'a> {
    namespace: &'a str,
    what: &'static str,
    name: &'a str,
    run: Option<&'a str>,
    /// The claim it served; null where it served none, or several.
    claim: Option<&'a str>,
    /// The claims it served, where they are several.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    claims: &'a [String],
    fate: Fate,
}

/// Returns the leftovers for scripts.
pub fn json(fates: &[(Leftover, Fate)], exit: Exit) -> LeftoversJson<'_> {
    let leftovers = fates.iter().map(|(left, fate)| {
        let (claim, claims) = match left.claims.as_slice() {
            [claim] => (Some(claim.as_str()), &[][..]),
            claims => (None, claims),
        };
        LeftoverJson {
            namespace: &left.namespace,
            what: left.kind.describe(),
            name: &left.name,
            run: left.run.as_deref(),
            claim,
            claims,
            fate: *fate,
        }
    });
    LeftoversJson { schema_version: SCHEMA_VERSION, exit: exit.into(), leftovers: leftovers.collect() }
}

#[cfg(test)]
mod tests {
    use pvmigrate_cluster::cleanup::LeftoverKind;
    use pvmigrate_core::record::{Uid, Version};

    use super::*;
    use crate::render::samples;

    fn sample() -> Vec<(Leftover, Fate)> {
        let left = |kind, name: &str, claims: &[&str]| Leftover {
            kind,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: Uid("1".to_owned()),
            version: Version("1".to_owned()),
            run: None,
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
        };
        vec![
            (left(LeftoverKind::TemporaryClaim, "data-pvcmigrate", &["data"]), Fate::Removed),
            (left(LeftoverKind::Record, "pvmigrate-data-0", &[]), Fate::Changed),
            (left(LeftoverKind::CopyPod, samples::EVIL, &[]), Fate::Found),
            (left(LeftoverKind::CopyPod, "migrate-1", &["data", "logs"]), Fate::Found),
        ]
    }

    #[test]
    fn for_people() {
        insta::assert_snapshot!(text(&sample(), &samples::screen(None)));
        assert_eq!(text(&[], &samples::screen(None)), "Nothing left behind.\n");
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&sample(), Exit::Done))?);
        Ok(())
    }
}
