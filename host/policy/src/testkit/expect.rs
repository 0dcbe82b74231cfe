//! What a case expects, as written.

use std::fmt;

use pvmigrate_core::access::AccessMode;
use pvmigrate_core::policy::question::normal_modes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::yaml::{Named, named};

/// The expectations of one case. What is left out is not looked at; leaving out everything is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) select: Option<ByVolume<Spanned<String>>>,
    pub(super) modes: Option<ByVolume<Modes>>,
    pub(super) findings: Option<Findings>,
    pub(super) fault: Option<Spanned<String>>,
}

/// `any`, or a mapping with every volume, where `rest` stands for all that are not named.
#[derive(Debug)]
pub(super) enum ByVolume<V> {
    Any,
    Each(Named<V>),
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for ByVolume<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Read<V> {
            type Value = ByVolume<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`any`, or a mapping of volumes")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
                match word {
                    "any" => Ok(ByVolume::Any),
                    _ => Err(E::custom(format!("{word:?} is neither `any` nor a mapping of volumes"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                named(map).map(ByVolume::Each)
            }
        }
        deserializer.deserialize_any(Read(std::marker::PhantomData))
    }
}

/// The modes expected for one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Modes {
    Any,
    NoOpinion,
    Exactly(Vec<AccessMode>),
}

impl Modes {
    fn read<E: Error>(word: &str) -> Result<Self, E> {
        match word {
            "any" => Ok(Self::Any),
            "no-opinion" => Ok(Self::NoOpinion),
            mode => mode.parse().map(|mode| Self::Exactly(vec![mode])).map_err(E::custom),
        }
    }
}

impl fmt::Display for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::NoOpinion => f.write_str("no-opinion"),
            Self::Exactly(modes) => {
                let words: Vec<_> = modes.iter().map(|mode| mode.abbreviation()).collect();
                write!(f, "[{}]", words.join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Modes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Modes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`any`, `no-opinion`, a mode such as RWO, or a list of modes")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Modes, E> {
                Modes::read(word)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Modes, A::Error> {
                let mut modes = Vec::new();
                while let Some(word) = list.next_element::<String>()? {
                    modes.push(word.parse().map_err(A::Error::custom)?);
                }
                Ok(Modes::Exactly(normal_modes(modes)))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The findings expected.
#[derive(Debug)]
pub(super) enum Findings {
    Any,
    Exactly(Vec<Spanned<String>>),
    AtLeast(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Findings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Findings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, `any`, a list of findings, or {at-least: [...]}")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Findings, E> {
                match word {
                    "none" => Ok(Findings::Exactly(Vec::new())),
                    "any" => Ok(Findings::Any),
                    _ => Err(E::custom(format!("{word:?} is neither `none`, `any` nor a list of findings"))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Findings, A::Error> {
                let mut findings = Vec::new();
                while let Some(finding) = list.next_element()? {
                    findings.push(finding);
                }
                Ok(Findings::Exactly(findings))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Findings, A::Error> {
                match map.next_key::<String>()?.as_deref() {
                    Some("at-least") => {}
                    other => {
                        let other = other.unwrap_or_default();
                        return Err(A::Error::custom(format!("unknown key {other:?}, expected `at-least`")));
                    }
                }
                let findings = map.next_value()?;
                match map.next_entry::<IgnoredAny, IgnoredAny>()? {
                    None => Ok(Findings::AtLeast(findings)),
                    Some(_) => Err(A::Error::custom("`at-least` stands alone")),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}
