//! Makes text that came from a policy safe to show.

use std::fmt::Write as _;

/// Escapes everything that could move a cursor, forge a line or reorder what is read.
///
/// Control characters (line ends too) and the invisible characters that steer text direction become `\n` or
/// `\u{202e}`; all else stays as it is.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if needs_escape(c) {
            // Writing to a String cannot fail.
            let _infallible = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Escapes, and cuts what is longer than `most` bytes, with a mark where it was cut.
pub fn escape_line(text: &str, most: usize) -> String {
    let escaped = escape(text);
    if escaped.len() <= most {
        return escaped;
    }
    let mark = "…";
    let end = escaped.floor_char_boundary(most.saturating_sub(mark.len()));
    format!("{}{mark}", &escaped[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_a_terminal_and_nothing_else() {
        assert_eq!(escape("\u{1b}[2J\r\n\u{9b}31m\u{202e}x"), "\\u{1b}[2J\\r\\n\\u{9b}31m\\u{202e}x");
        assert_eq!(escape("Größe 5 → 7 \"quoted\" \\"), "Größe 5 → 7 \"quoted\" \\");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(escape_line("äääää", 8), "ää…");
        assert_eq!(escape_line("short", 8), "short");
    }
}
