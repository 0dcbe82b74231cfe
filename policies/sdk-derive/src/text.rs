//! Names and documentation as the interface writes them.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Splits `max_size` or `MaxSize` into lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut begins = true;
    for letter in name.trim_start_matches("r#").chars() {
        if letter == '_' {
            begins = true;
            continue;
        }
        if begins || letter.is_uppercase() {
            words.push(String::new());
        }
        begins = false;
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Writes a name as codes and enum values are written.
pub(crate) fn kebab(name: &str) -> String {
    words(name).join("-")
}

/// Writes a name as keys of settings are written.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for (at, word) in words(name).iter().enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if at > 0 => out.extend(first.to_uppercase()),
            Some(first) => out.push(first),
            None => {}
        }
        out.push_str(letters.as_str());
    }
    out
}

/// Joins the lines of a doc comment; an empty line starts a paragraph.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut out = String::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &meta.value else { continue };
        if !meta.path.is_ident("doc") {
            continue;
        }
        match line.value().trim() {
            "" => out.push('\n'),
            line if out.is_empty() || out.ends_with('\n') => out.push_str(line),
            line => {
                out.push(' ');
                out.push_str(line);
            }
        }
    }
    out.trim().to_owned()
}

/// Quotes a text as JSON does.
pub(crate) fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case() {
        assert_eq!(kebab("OverMaxSize"), "over-max-size");
        assert_eq!(kebab("Ok"), "ok");
        assert_eq!(camel("max_size"), "maxSize");
        assert_eq!(camel("r#type"), "type");
        assert_eq!(camel("keep"), "keep");
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(json_string("a \"b\"\\\n"), "\"a \\\"b\\\"\\\\\\u000a\"");
    }
}
