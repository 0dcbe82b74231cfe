//! The limits of policies as users give them: friendlier units than the host's own, and a ceiling for each.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use pvmigrate_core::policy::quantity::{Bytes, Quantity};
use pvmigrate_policy::Limits;
use pvmigrate_yaml::{Fields, Node, Shape, Wrong, Yaml};
use serde_json::{Map, Value};

pub(super) const SHAPE: Shape =
    Shape { name: "limits", keys: &["component", "memory", "fuel", "fuelPerVolume", "wall", "log", "findings"] };

const MOST_BYTES: u64 = 4 << 30;
const MOST_FUEL: u64 = 1_000_000_000_000;
const MOST_FINDINGS: u64 = 1_000_000;
const MOST_WALL: SignedDuration = SignedDuration::from_mins(10);

/// The limits that a command line gives the policies it names: `fuel=400M,memory=512Mi`, with the keys of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenLimits {
    /// These, and the usual ones for the rest.
    pub limits: Limits,
    text: String,
}

impl fmt::Display for GivenLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for GivenLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut entries = Map::new();
        for entry in text.split(',') {
            let (key, value) = entry
                .split_once('=')
                .ok_or_else(|| format!("{entry:?} is not KEY=VALUE; write limits such as fuel=400M,memory=512Mi"))?;
            if entries.insert(key.trim().to_owned(), Value::String(value.trim().to_owned())).is_some() {
                return Err(format!("{key} is given twice"));
            }
        }
        let limits = read(&Node::from(&Value::Object(entries))).map_err(|wrong| wrong.what)?;
        Ok(Self { limits, text: text.split_whitespace().collect() })
    }
}

/// Reads the limits that are given; the others are the usual ones.
pub(super) fn read(node: &Node) -> Result<Limits, Wrong> {
    let fields = Fields::of(node, &SHAPE)?;
    let mut limits = Limits::default();
    let bytes = |key: &str| match fields.get(key) {
        Some(node) => size(key, node, MOST_BYTES).map(|bytes| usize::try_from(bytes).ok()),
        None => Ok(None),
    };
    let count = |key: &str, most: u64| fields.get(key).map(|node| size(key, node, most)).transpose();
    limits.component_bytes = bytes("component")?.unwrap_or(limits.component_bytes);
    limits.memory_bytes = bytes("memory")?.unwrap_or(limits.memory_bytes);
    limits.log_bytes = bytes("log")?.unwrap_or(limits.log_bytes);
    limits.fuel_base = count("fuel", MOST_FUEL)?.unwrap_or(limits.fuel_base);
    limits.fuel_per_volume = count("fuelPerVolume", MOST_FUEL)?.unwrap_or(limits.fuel_per_volume);
    let findings = count("findings", MOST_FINDINGS)?.and_then(|findings| usize::try_from(findings).ok());
    limits.findings = findings.unwrap_or(limits.findings);
    if let Some(node) = fields.get("wall") {
        limits.wall = wall(node)?;
    }
    Ok(limits)
}

/// Reads `64Mi`, `2M` or a plain number.
fn size(key: &str, node: &Node, most: u64) -> Result<u64, Wrong> {
    let text = node.quantity(key)?;
    let quantity: Quantity = text
        .parse()
        .map_err(|_| Wrong::new(&node.at, format!("{key}: invalid quantity {text:?}; write one such as 64Mi or 2M")))?;
    if let Some(number) = text.strip_suffix('m') {
        return Err(Wrong::new(&node.at, format!("{key}: {text} are thousandths, did you mean {number}M?")));
    }
    match quantity.bytes() {
        0 => Err(Wrong::new(&node.at, format!("{key} must not be 0"))),
        value if value > most => {
            let ceiling = if most == MOST_BYTES { Bytes(most).to_string() } else { most.to_string() };
            Err(Wrong::new(&node.at, format!("{key}: {text} is more than the maximum, {ceiling}")))
        }
        value => Ok(value),
    }
}

/// Reads `10s`, `500ms`, `1m`.
fn wall(node: &Node) -> Result<Duration, Wrong> {
    let read = match &node.is {
        Yaml::Text(text) => text.parse::<SignedDuration>().ok(),
        _ => None,
    };
    let fits = read.filter(|wall| wall.is_positive() && *wall <= MOST_WALL);
    fits.and_then(|wall| Duration::try_from(wall).ok())
        .ok_or_else(|| Wrong::new(&node.at, "wall must be a duration such as 10s or 500ms, at most 10 minutes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_command_line() {
        let usual = Limits::default();
        let fuel = Limits { fuel_base: 400_000_000, fuel_per_volume: 4_000_000, ..usual.clone() };
        let rest = Limits { memory_bytes: 512 << 20, wall: Duration::from_millis(1_500), ..usual };
        let read = |text: &str| text.parse().map(|given: GivenLimits| given.limits);
        assert_eq!(read("fuel=400M,fuelPerVolume=4M"), Ok(fuel));
        assert_eq!(read("memory=512Mi, wall=1500ms"), Ok(rest));
        for (bad, says) in [
            ("fuel", "KEY=VALUE"),
            ("", "KEY=VALUE"),
            ("fuell=1M", "did you mean fuel?"),
            ("fuelPerVolumes=1M", "did you mean fuelPerVolume?"),
            ("fuel=1M,fuel=2M", "twice"),
            ("fuel=2m", "did you mean 2M?"),
            ("memory=8Gi", "more than the maximum"),
            ("wall=1h", "at most 10 minutes"),
            ("fuel=", "invalid quantity"),
        ] {
            assert!(read(bad).is_err_and(|error| error.contains(says)), "{bad}: {:?}", read(bad));
        }
    }
}
