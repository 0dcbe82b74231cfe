//! The limits of one policy in the file: friendlier units than the host's own, and a ceiling for each.

use std::time::Duration;

use jiff::SignedDuration;
use pvmigrate_core::policy::quantity::{Bytes, Quantity};
use pvmigrate_policy::Limits;
use pvmigrate_yaml::{Fields, Node, Shape, Wrong, Yaml};

pub(super) const SHAPE: Shape =
    Shape { name: "limits", keys: &["component", "memory", "fuel", "fuelPerVolume", "wall", "log", "findings"] };

const MOST_BYTES: u64 = 4 << 30;
const MOST_FUEL: u64 = 1_000_000_000_000;
const MOST_FINDINGS: u64 = 1_000_000;
const MOST_WALL: SignedDuration = SignedDuration::from_mins(10);

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
