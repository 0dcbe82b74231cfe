//! Plain lines: a label, then words that hang under each other when they do not fit.

use console::measure_text_width;

/// Returns `label` and `words`, wrapped at `width` so that further lines begin under the first word.
///
/// Without a width nothing is wrapped. The result ends with a line end.
pub fn hanging(label: &str, words: &str, width: Option<u16>) -> String {
    let indent = measure_text_width(label);
    // A terminal narrower than the label and a few words is not worth wrapping for.
    let room = width.map(usize::from).filter(|width| *width > indent + 20);
    let Some(room) = room else { return format!("{label}{words}\n") };
    let mut text = label.to_owned();
    let mut at = indent;
    for word in words.split(' ') {
        let length = measure_text_width(word);
        if at > indent && at + 1 + length > room {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            at = indent;
        } else if at > indent {
            text.push(' ');
            at += 1;
        }
        text.push_str(word);
        at += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hang_under_each_other() {
        let text = hanging("  first  ", "one two three four five six seven", Some(30));
        assert_eq!(text, "  first  one two three four\n         five six seven\n");
    }

    #[test]
    fn a_pipe_or_a_tiny_terminal_gets_one_line() {
        assert_eq!(hanging("a ", "b c", None), "a b c\n");
        assert_eq!(hanging("a ", "b c", Some(5)), "a b c\n");
    }
}
