//! Where a component comes from, as its metadata says: sections of text that other tools for WebAssembly write and read, too.
//!
//! They are those of the crate `wasm-metadata`, which would bring along thirty others to read five texts.

use pvmigrate_policy::text;
use serde::Serialize;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};

/// Maximum length of one of the texts.
const LONGEST: usize = 1_000;

/// What a component's metadata says about its source. Nobody has checked it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The address of its source code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The revision of that source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The address of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// An SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authors: Option<String>,
}

impl Provenance {
    /// Reads the metadata of a component, not of those within it.
    pub fn of(component: &[u8]) -> Self {
        let (mut found, mut depth) = (Self::default(), 0_u32);
        // Whoever has a policy has read it to its end before.
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::CustomSection(section) if depth == 1 => found.note(section.name(), section.data()),
                _ => {}
            }
        }
        found
    }

    fn note(&mut self, section: &str, data: &[u8]) {
        let fields = self.fields();
        let Some((_, field)) = fields.into_iter().find(|(name, _)| *name == section) else { return };
        // Whatever it says ends up on terminals and in registries.
        let words = text::escape_line(String::from_utf8_lossy(data).trim(), LONGEST);
        if field.is_none() && !words.is_empty() {
            *field = Some(words);
        }
    }

    /// Returns each field with the name of its section.
    fn fields(&mut self) -> [(&'static str, &mut Option<String>); 5] {
        [
            ("source", &mut self.source),
            ("revision", &mut self.revision),
            ("homepage", &mut self.homepage),
            ("licenses", &mut self.licenses),
            ("authors", &mut self.authors),
        ]
    }

    /// Returns what is known, with the key that registries have for it.
    pub fn annotations(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("org.opencontainers.image.source", &self.source),
            ("org.opencontainers.image.revision", &self.revision),
            ("org.opencontainers.image.url", &self.homepage),
            ("org.opencontainers.image.licenses", &self.licenses),
            ("org.opencontainers.image.authors", &self.authors),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    /// Adds what is known to a component that says nothing of it yet.
    pub(crate) fn add_to(mut self, component: &mut Vec<u8>) {
        for (name, field) in self.fields() {
            if let Some(words) = field {
                let data = words.as_bytes().into();
                CustomSection { name: name.into(), data }.append_to_component(component);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn policy() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/dist/keep-and-cap.wasm")).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_has_the_keys_of_registries() {
        let mut component = policy();
        assert_eq!(Provenance::of(&component), Provenance::default(), "nothing is made up");
        let known = Provenance {
            source: Some("https://git.example.com/policies".to_owned()),
            licenses: Some("Apache-2.0 OR MIT".to_owned()),
            authors: Some("Ada <ada@example.com>".to_owned()),
            ..Provenance::default()
        };
        known.clone().add_to(&mut component);
        assert_eq!(Provenance::of(&component), known);
        let keys: Vec<_> = known.annotations().map(|(key, _)| key.rsplit('.').next().unwrap()).collect();
        assert_eq!(keys, ["source", "licenses", "authors"]);
    }

    #[test]
    fn what_is_shown_is_harmless_short_and_of_the_component_itself() {
        let of = |licence: String| Provenance { licenses: Some(licence), ..Provenance::default() };
        let read = |licence: String| {
            let mut component = policy();
            of(licence).add_to(&mut component);
            Provenance::of(&component).licenses
        };
        assert_eq!(read(" \n".to_owned()), None);
        assert!(!read("\u{1b}[2J".to_owned()).unwrap().contains('\u{1b}'));
        assert!(read("x".repeat(100_000)).unwrap().len() < 2 * LONGEST);
        // A component within another, which is all that the outer one has.
        let mut inner = b"\0asm\x0d\0\x01\0".to_vec();
        of("MIT".to_owned()).add_to(&mut inner);
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        outer.push(u8::try_from(inner.len()).unwrap());
        outer.extend(&inner);
        assert_eq!(Provenance::of(&inner).licenses.as_deref(), Some("MIT"));
        assert_eq!(Provenance::of(&outer), Provenance::default());
    }
}
