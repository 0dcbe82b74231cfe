//! What a case may use up.

use std::path::Path;

use pvmigrate_core::policy::quantity::Bytes;

use super::parse;
use super::report::Mismatch;
use pvmigrate_yaml::{Fields, Node, Place, Shape, Wrong};

pub(crate) const BUDGET: Shape = Shape { name: "a budget", keys: &["fuel-per-volume", "memory"] };

/// What a case may use up at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Fuel of all calls together, divided by the number of volumes.
    pub(crate) fuel_per_volume: Option<(u64, Place)>,
    /// Linear memory of the call that uses most of it, in bytes.
    pub(crate) memory: Option<(u64, Place)>,
}

impl Budget {
    pub(crate) fn read(node: &Node, file: &Path) -> Result<Self, Wrong> {
        let fields = Fields::of(node, &BUDGET)?;
        let fuel = fields.get("fuel-per-volume").map(|node| Ok((amount(node)?, node.at.place(file))));
        let memory = fields.get("memory").map(|node| Ok((bytes(node)?, node.at.place(file))));
        Ok(Self { fuel_per_volume: fuel.transpose()?, memory: memory.transpose()? })
    }

    /// Fills in unset limits from another budget.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { fuel_per_volume: self.fuel_per_volume.or(other.fuel_per_volume), memory: self.memory.or(other.memory) }
    }

    /// Returns where more was used.
    pub(crate) fn exceeded(&self, fuel_per_volume: u64, memory: u64) -> Vec<Mismatch> {
        let mut found = Vec::new();
        if let Some((most, at)) = self.fuel_per_volume.as_ref().filter(|(most, _)| fuel_per_volume > *most) {
            let got = format!("{fuel_per_volume}");
            found.push(Mismatch::new("budget", at, format!("at most {most} fuel a volume"), got));
        }
        if let Some((most, at)) = self.memory.as_ref().filter(|(most, _)| memory > *most) {
            let got = Bytes(memory).to_string();
            found.push(Mismatch::new("budget", at, format!("at most {} of memory", Bytes(*most)), got));
        }
        found
    }
}

/// Reads `8Mi`.
fn bytes(node: &Node) -> Result<u64, Wrong> {
    parse::bytes(node, "an amount of memory")
}

/// Reads `1500`, `60k`, `1.5M`.
fn amount(node: &Node) -> Result<u64, Wrong> {
    let text = node.quantity("an amount of fuel")?;
    let bad = || Wrong::new(&node.at, format!("invalid amount of fuel {text:?}; write 1500, 60k or 1.5M"));
    let (digits, unit) = match text.strip_suffix(['k', 'M']) {
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (text.as_str(), 1),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !is_number(whole) || !is_number(part) {
        return Err(bad());
    }
    let thousandths: u64 = format!("{part:0<3}").parse().map_err(|_| bad())?;
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let amount = whole.checked_mul(unit).and_then(|whole| whole.checked_add(thousandths * unit / 1_000));
    amount.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn amounts_of_fuel() {
        let read = |text: &str| amount(&Node::read(text, Path::new("x")).unwrap()).ok();
        assert_eq!(
            [read("1500"), read("60k"), read("1.5M"), read("0.25k")].map(Option::unwrap),
            [1500, 60_000, 1_500_000, 250]
        );
        for bad in ["k", "1.2345k", "-1", "1 k", "60K", "99999999999999999999", "~"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
