//! Bytes and durations as people read them.

use jiff::SignedDuration;

/// Returns a number of bytes with three digits at most, such as `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Shifted down in whole steps, so the last division is exact enough for three digits.
    let mut step = 0;
    let mut rest = bytes;
    while rest >= 1024 * 1024 && step < UNITS.len() - 1 {
        rest >>= 10;
        step += 1;
    }
    let value = rest as f64 / 1024.0;
    // 1023.9 KiB would show as "1024 KiB".
    let (value, step) =
        if value >= 999.5 && step < UNITS.len() - 1 { (value / 1024.0, step + 1) } else { (value, step) };
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {}", UNITS[step])
}

/// Returns a duration in its two largest units, such as `1m 05s`; below a minute as `12.3s`.
pub fn duration(duration: SignedDuration) -> String {
    let millis = duration.as_millis().max(0);
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let tenths = (millis + 50) / 100;
    if tenths < 600 {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    let seconds = (millis + 500) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    if hours == 0 {
        format!("{minutes}m {:02}s", seconds % 60)
    } else if days == 0 {
        format!("{hours}h {:02}m", minutes % 60)
    } else {
        format!("{days}d {:02}h", hours % 24)
    }
}

/// Returns a count with its noun, in the plural unless it is one: `1 claim`, `3 claims`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (10 << 10, "10 KiB"),
            ((1 << 20) - 1, "1 MiB"),
            (1 << 20, "1 MiB"),
            (123_456_789, "118 MiB"),
            (5 << 30, "5 GiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (number, text) in table {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn durations_have_two_units() {
        let table = [
            (-5, "0ms"),
            (7, "7ms"),
            (999, "999ms"),
            (1000, "1.0s"),
            (12_340, "12.3s"),
            (59_949, "59.9s"),
            (59_951, "1m 00s"),
            (65_000, "1m 05s"),
            (3_599_600, "1h 00m"),
            (7_260_000, "2h 01m"),
            (90_000_000, "1d 01h"),
        ];
        for (millis, text) in table {
            assert_eq!(duration(SignedDuration::from_millis(millis)), text, "{millis}");
        }
    }
}
