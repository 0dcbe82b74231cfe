//! The rules for what a policy says about itself: names that need no quoting, bounded lists, kinds that may be looked
//! up.

use std::collections::BTreeSet;

use pvmigrate_core::policy::{Kind, Need};

use super::{CodeDoc, RawInfo};
use crate::answers::bounded;
use crate::failure::FailureKind;
use crate::limits::Limits;
use crate::settings::Schema;
use crate::text;

/// Maximum number of codes that a policy may declare.
const MOST_CODES: usize = 1_000;
/// Maximum number of kinds that a policy may declare as needed.
const MOST_NEEDS: usize = 100;
/// Maximum length of a name, version or code, in bytes.
const LONGEST_NAME: usize = 100;

/// Compiles the schema of the settings, if there is one.
pub(crate) fn schema(raw: &RawInfo) -> Result<Option<Schema>, FailureKind> {
    let compiled = raw.settings_schema.as_deref().map(Schema::compile).transpose();
    compiled.map_err(|why| unusable_schema(&why))
}

/// Returns the failure for an unusable schema.
pub(crate) fn unusable_schema(why: &str) -> FailureKind {
    FailureKind::BadInfo(format!("its settings schema cannot be used: {}", text::escape(why)))
}

/// Checks what a policy says about itself, and returns it fit to be shown.
pub(crate) fn check(raw: RawInfo, limits: &Limits) -> Result<RawInfo, FailureKind> {
    named("name", &raw.name)?;
    named("version", &raw.version)?;
    if raw.codes.len() > MOST_CODES {
        return Err(FailureKind::BadInfo(format!("it declares more than {MOST_CODES} codes")));
    }
    let mut seen = BTreeSet::new();
    for code in &raw.codes {
        named("code", &code.code)?;
        if !seen.insert(&code.code) {
            return Err(FailureKind::BadInfo(format!("it declares the code {} twice", code.code)));
        }
    }
    if raw.needs.len() > MOST_NEEDS {
        return Err(FailureKind::BadInfo(format!("it declares more than {MOST_NEEDS} needs")));
    }
    for need in &raw.needs {
        needed(&need.kind)?;
        if need.kind.is_withheld() {
            return Err(FailureKind::BadInfo(format!("it needs {}, which no policy gets to see", need.kind)));
        }
    }
    let need = |need: Need| Ok(Need { purpose: bounded(&need.purpose, limits)?, ..need });
    let code = |code: CodeDoc| {
        Ok(CodeDoc {
            summary: bounded(&code.summary, limits)?,
            docs_url: code.docs_url.map(|url| bounded(&url, limits)).transpose()?,
            code: code.code,
        })
    };
    Ok(RawInfo {
        summary: bounded(&raw.summary, limits)?,
        needs: raw.needs.into_iter().map(need).collect::<Result<_, FailureKind>>()?,
        codes: raw.codes.into_iter().map(code).collect::<Result<_, FailureKind>>()?,
        ..raw
    })
}

/// Accepts what can stand in a file name, a table and a label without quoting.
fn named(what: &str, name: &str) -> Result<(), FailureKind> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '+');
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) {
        return Ok(());
    }
    Err(FailureKind::BadInfo(format!(
        "its {what} {:?} is not 1 to {LONGEST_NAME} letters, digits, '-', '.', '_' and '+'",
        text::escape_line(name, LONGEST_NAME)
    )))
}

/// Accepts what can be the kind of an API: nothing that would turn the request for its objects into one for another
/// path.
fn needed(kind: &Kind) -> Result<(), FailureKind> {
    let wrong = || {
        FailureKind::BadInfo(format!(
            "its need {} is not a valid kind",
            text::escape_line(&kind.to_string(), LONGEST_NAME)
        ))
    };
    let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
    let is_name = |name: &str| name.len() <= LONGEST_NAME && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_group = group.is_empty() && !kind.api_version.contains('/')
        || is_name(group) && group.split('.').all(|part| !part.is_empty() && part.chars().all(is_lower));
    let is_version = is_name(version) && version.chars().all(is_lower);
    let is_kind = is_name(&kind.kind) && kind.kind.chars().all(|c| c.is_ascii_alphanumeric());
    (is_group && is_version && is_kind).then_some(()).ok_or_else(wrong)
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
