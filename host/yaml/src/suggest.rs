//! Suggestions for an unknown name.

/// Adds ", did you mean X?" when a known name is near.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = |name: &&str| strsim::damerau_levenshtein(wrong, name) <= 2.max(wrong.len() / 4);
    let nearest = known.into_iter().filter(near).min_by_key(|name| strsim::damerau_levenshtein(wrong, name));
    nearest.map_or(String::new(), |name| format!(", did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(did_you_mean("lable", ["name", "label"]), ", did you mean label?");
        assert_eq!(did_you_mean("colour", ["name", "label"]), "");
        assert_eq!(did_you_mean("label", []), "");
    }
}
