//! Kubernetes quantities (`1Gi`, `1500m`, `1e9`), exact, as the API server reads them.
//!
//! Sizes are compared as quantities, never as text: `1Gi` equals `1024Mi`. Negative ones are refused, because nothing
//! that is measured here can be negative.

use std::fmt;
use std::str::FromStr;

const NANOS: u128 = 1_000_000_000;

/// The API server caps every quantity at the largest signed 64-bit number.
const LARGEST: u128 = i64::MAX as u128 * NANOS;

/// More integer digits than this are above [`LARGEST`] whatever they are.
const MOST_INTEGER_DIGITS: usize = 20;

/// More zeros than this after the point leave less than a nano whatever the multiplier.
const MOST_LEADING_ZEROS: usize = 40;

/// A quantity, exact to the nano, the finest step that Kubernetes keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: u128,
}

impl Quantity {
    /// Returns the quantity as a whole number, rounded up as Kubernetes does.
    pub fn bytes(self) -> u64 {
        // Capped at LARGEST, so it always fits.
        u64::try_from(self.nanos.div_ceil(NANOS)).unwrap_or(u64::MAX)
    }
}

/// The reason why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not start with a number.
    #[error("{0:?} is not a quantity: it has no number; write it like 10Gi")]
    NoNumber(String),
    /// What follows the number is not a suffix that Kubernetes knows.
    #[error(
        "{text:?} is not a quantity: unknown suffix {suffix:?}; use Ki, Mi, Gi, Ti, Pi, Ei, n, u, m, k, M, G, T, P, E or an exponent"
    )]
    UnknownSuffix {
        /// The whole text.
        text: String,
        /// The part not understood.
        suffix: String,
    },
    /// The number is below zero.
    #[error("{0:?} is negative; a size is at least 0")]
    Negative(String),
}

/// A power of two and a power of ten that scale a number.
struct Suffix {
    binary: u32,
    decimal: i64,
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let number_len = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_len);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(QuantityError::NoNumber(text.to_owned()));
        }
        let scale = read_suffix(suffix)
            .ok_or_else(|| QuantityError::UnknownSuffix { text: text.to_owned(), suffix: suffix.to_owned() })?;
        let nanos = scaled_nanos(whole, fraction, &scale);
        if negative && nanos > 0 {
            return Err(QuantityError::Negative(text.to_owned()));
        }
        Ok(Self { nanos })
    }
}

fn read_suffix(suffix: &str) -> Option<Suffix> {
    let decimal = |decimal| Some(Suffix { binary: 0, decimal });
    let binary = |binary| Some(Suffix { binary, decimal: 0 });
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            exponent.parse::<i32>().ok().and_then(|e| decimal(i64::from(e)))
        }
    }
}

/// Multiplies exactly, rounds up to a whole nano, and caps at [`LARGEST`].
fn scaled_nanos(whole: &str, fraction: &str, scale: &Suffix) -> u128 {
    let (integer, rest) = shift_point(whole, fraction, scale.decimal);
    if integer.len() > MOST_INTEGER_DIGITS {
        return LARGEST;
    }
    let one = NANOS << scale.binary;
    let integer = integer.bytes().fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    // Rounding up at every digit equals rounding up once: ceil((n + ceil(x)) / 10) = ceil((n + x) / 10).
    let rest = rest.bytes().rev().fold(0_u128, |sum, digit| (sum + u128::from(digit - b'0') * one).div_ceil(10));
    integer.checked_mul(one).and_then(|nanos| nanos.checked_add(rest)).map_or(LARGEST, |nanos| nanos.min(LARGEST))
}

/// Moves the decimal point, and returns the digits before it (no leading zeros) and after it.
fn shift_point(whole: &str, fraction: &str, by: i64) -> (String, String) {
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return (String::new(), String::new());
    }
    let dropped = digits.len() - significant.len();
    // Where the point stands, counted from the first digit that is not 0.
    let point = whole.len() as i64 - dropped as i64 + by;
    match usize::try_from(point) {
        Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(usize::MAX);
            let zeros = "0".repeat(zeros.min(MOST_LEADING_ZEROS));
            (String::new(), format!("{zeros}{significant}"))
        }
        Ok(point) if point <= significant.len() => {
            let (integer, rest) = significant.split_at(point);
            (integer.to_owned(), rest.to_owned())
        }
        Ok(point) => {
            let zeros = (point - significant.len()).min(MOST_INTEGER_DIGITS + 1);
            (format!("{significant}{}", "0".repeat(zeros)), String::new())
        }
    }
}

/// Reads a quantity of bytes, rounded up to a whole byte.
///
/// # Errors
/// Says what is wrong with the text; the text itself is in the message.
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    text.parse::<Quantity>().map(Quantity::bytes)
}

/// A number of bytes, printed as the shortest quantity with the same value, such as `10Gi`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let steps = match self.0 {
            0 => 0,
            bytes => (bytes.trailing_zeros() / 10) as usize,
        };
        f.pad(&format!("{}{}", self.0 >> (10 * steps), UNITS[steps]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_that_kubernetes_writes() {
        let table: &[(&str, u64)] = &[
            ("0", 0),
            ("1", 1),
            ("1024", 1024),
            ("1Ki", 1024),
            ("1Gi", 1 << 30),
            ("1024Mi", 1 << 30),
            ("1.5Gi", 1_610_612_736),
            ("0.5Ei", 1 << 59),
            (".5Ki", 512),
            ("5.", 5),
            ("+3k", 3_000),
            ("1M", 1_000_000),
            ("1G", 1_000_000_000),
            ("2T", 2_000_000_000_000),
            ("1P", 1_000_000_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("1e3", 1_000),
            ("1E3", 1_000),
            ("1e+3", 1_000),
            ("12.5e2", 1_250),
            ("1e-3", 1),
            ("1500m", 2),
            ("1000m", 1),
            ("1u", 1),
            ("1n", 1),
            ("1000000000n", 1),
            ("0.0000000001", 1),
            ("-0", 0),
            ("0000000000000000000000000000000000007", 7),
            ("100000000000000000000e-18", 100),
        ];
        for (text, bytes) in table {
            assert_eq!(parse_bytes(text).unwrap(), *bytes, "{text}");
        }
    }

    #[test]
    fn too_large_is_capped_as_the_api_server_caps_it() {
        for text in ["9223372036854775807", "8Ei", "16Ei", "1e30", "1e2147483647"] {
            assert_eq!(parse_bytes(text).unwrap(), i64::MAX as u64, "{text}");
        }
        assert_eq!(parse_bytes("1e-2147483648").unwrap(), 1);
    }

    #[test]
    fn comparing_is_by_value_to_the_nano() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(quantity("1Gi"), quantity("1024Mi"));
        assert_eq!(quantity("0.1"), quantity("100m"));
        assert!(quantity("1500m") < quantity("2"));
        assert!(quantity("1G") < quantity("1Gi"));
    }

    #[test]
    fn nonsense_is_refused_with_the_text() {
        let error = |text: &str| parse_bytes(text).unwrap_err();
        assert_eq!(error(""), QuantityError::NoNumber(String::new()));
        assert_eq!(error("Gi"), QuantityError::NoNumber("Gi".into()));
        assert_eq!(error("."), QuantityError::NoNumber(".".into()));
        assert_eq!(error("1.2.3"), QuantityError::NoNumber("1.2.3".into()));
        assert_eq!(error("-1Gi"), QuantityError::Negative("-1Gi".into()));
        for text in ["1gi", "1GiB", "1 Gi", "1e", "1e1.5", "1Ki1", "1K", "1e99999999999"] {
            assert!(matches!(error(text), QuantityError::UnknownSuffix { .. }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_bytes_read_back(bytes in 0..=i64::MAX as u64, shift in 0_u32..63) {
            let bytes = bytes >> shift << (shift / 2);
            prop_assert_eq!(parse_bytes(&Bytes(bytes).to_string()), Ok(bytes.min(i64::MAX as u64)));
        }

        #[test]
        fn milli_is_a_thousandth_rounded_up(number in 0..u64::MAX / 2) {
            prop_assert_eq!(parse_bytes(&format!("{number}m")), Ok(number.div_ceil(1000)));
        }

        #[test]
        fn any_text_is_answered(text in "[-+.0-9eEinumkKMGTP]{0,24}") {
            let _answered = parse_bytes(&text);
        }
    }
}
