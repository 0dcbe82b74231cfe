//! Text from outside, made safe to show: object names, events, logs and policies may hold anything.

/// Returns the text with control characters and invisible direction marks escaped, cut to `limit` characters.
///
/// Line ends become spaces, so that the text stays on its line. Without this, an object could move the cursor of the
/// terminal it is shown on, or forge a line of a report.
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut left = limit;
    for c in text.trim().chars() {
        if left == 0 {
            shown.push('…');
            break;
        }
        left -= 1;
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() || is_direction_mark(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Returns a word for a command line that a person copies into a shell: quoted, unless it is plain.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{printable, shell_word};

    #[test]
    fn escapes_and_marks_lose_their_power_and_words_stay() {
        assert_eq!(printable("a\u{1b}[2Jb\u{7}\u{202e}c", 80), "a\\u{1b}[2Jb\\u{7}\\u{202e}c");
        assert_eq!(printable(" two\r\nlines, größer ", 80), "two  lines, größer");
    }

    #[test]
    fn a_word_reaches_the_command_whole() {
        assert_eq!(shell_word("ops/pvmigrate"), "ops/pvmigrate");
        assert_eq!(shell_word("Ann O'Neil; $(id)"), r"'Ann O'\''Neil; $(id)'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_flood_is_cut() {
        assert_eq!(printable(&"x".repeat(100), 3), "xxx…");
        assert_eq!(printable("xxx", 3), "xxx");
    }
}
