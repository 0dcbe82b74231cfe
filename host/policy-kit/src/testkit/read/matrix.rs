//! One case for each combination of values, with `$name` standing for the value in what is given and expected.

use pvmigrate_yaml::{At, Key, Node, Wrong, Yaml, did_you_mean};

/// Where in a case `$name` may stand.
const WHERE: [&str; 6] = ["given", "settings", "expect", "facts", "environment", "policy"];
/// More combinations than this are a mistake rather than a test.
const MOST: usize = 1_000;

/// One combination: its name, and the case with its values filled in.
#[derive(Debug)]
pub(crate) struct Variant {
    /// ` [modes: [RWO], size: 1Gi]`; empty without a matrix.
    pub(crate) suffix: String,
    pub(crate) case: Node,
}

/// Expands a case into its variants. Without a matrix, the case itself is the only variant.
pub(crate) fn expand(case: &Node) -> Result<Vec<Variant>, Wrong> {
    let Some((key, matrix)) = case.entry("matrix") else {
        return Ok(vec![Variant { suffix: String::new(), case: case.clone() }]);
    };
    let axes = axes(matrix)?;
    let Yaml::Map(entries) = &case.is else { return Ok(Vec::new()) };
    let mut variants = Vec::new();
    let mut used = vec![false; axes.len()];
    let count = axes.iter().map(|(_, values)| values.len()).try_fold(1_usize, usize::checked_mul);
    let Some(count) = count.filter(|count| *count <= MOST) else {
        return Err(Wrong::new(&key.at, format!("the matrix has more than {MOST} combinations")));
    };
    for index in 0..count {
        let chosen = combination(&axes, index);
        let mut fill = Fill { chosen: &chosen, used: &mut used };
        let filled = entries.iter().map(|(key, value)| match WHERE.contains(&key.name.as_str()) {
            true => Ok((key.clone(), fill.node(value)?)),
            false => Ok((key.clone(), value.clone())),
        });
        let filled: Vec<_> = filled.collect::<Result<_, Wrong>>()?;
        let named: Vec<_> = chosen.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        variants.push(Variant {
            suffix: format!(" [{}]", named.join(", ")),
            case: Node { at: case.at.clone(), is: Yaml::Map(filled) },
        });
    }
    match used.iter().position(|used| !used) {
        Some(unused) => {
            let (key, _) = axes[unused];
            let what = format!("nothing in the case uses ${}; use it, or remove it from the matrix", key.name);
            Err(Wrong::new(&key.at, what))
        }
        None => Ok(variants),
    }
}

type Axis<'a> = (&'a Key, &'a [Node]);

fn axes(matrix: &Node) -> Result<Vec<Axis<'_>>, Wrong> {
    let mut axes = Vec::new();
    for (key, values) in matrix.map("matrix")? {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !key.name.starts_with(|c: char| c.is_ascii_alphabetic()) || !key.name.chars().all(plain) {
            let what =
                format!("invalid name {:?} in a matrix; write letters, digits, - and _, a letter first", key.name);
            return Err(Wrong::new(&key.at, what));
        }
        let list = values.list(&format!("matrix {}", key.name))?;
        if list.is_empty() {
            return Err(Wrong::new(
                &values.at,
                format!("matrix {} has no values, so the case would not run", key.name),
            ));
        }
        axes.push((key, list));
    }
    match axes.is_empty() {
        true => Err(Wrong::new(&matrix.at, "the matrix is empty; write {name: [value, value]}")),
        false => Ok(axes),
    }
}

/// Returns one value of each axis; the last axis turns fastest.
fn combination<'a>(axes: &[Axis<'a>], mut index: usize) -> Vec<(&'a str, &'a Node)> {
    let mut chosen: Vec<_> = axes
        .iter()
        .rev()
        .map(|(key, values)| {
            let value = &values[index % values.len()];
            index /= values.len();
            (key.name.as_str(), value)
        })
        .collect();
    chosen.reverse();
    chosen
}

/// The values to fill in, and which of them were used.
struct Fill<'a> {
    chosen: &'a [(&'a str, &'a Node)],
    used: &'a mut [bool],
}

impl Fill<'_> {
    fn node(&mut self, node: &Node) -> Result<Node, Wrong> {
        let is = match &node.is {
            Yaml::Text(text) => match self.whole(text) {
                Some(value) => value,
                None => Yaml::Text(self.text(text, &node.at)?),
            },
            Yaml::List(items) => Yaml::List(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?),
            Yaml::Map(entries) => {
                let entry = |(key, value): &(Key, Node)| {
                    let name = self.text(&key.name, &key.at)?;
                    Ok((Key { at: key.at.clone(), name }, self.node(value)?))
                };
                Yaml::Map(entries.iter().map(entry).collect::<Result<_, Wrong>>()?)
            }
            other => other.clone(),
        };
        Ok(Node { at: node.at.clone(), is })
    }

    /// Returns the value for a text that is nothing but `$name`, whatever it is.
    fn whole(&mut self, text: &str) -> Option<Yaml> {
        let name = text.strip_prefix('$')?;
        let at = self.chosen.iter().position(|(known, _)| *known == name)?;
        self.used[at] = true;
        Some(self.chosen[at].1.is.clone())
    }

    /// Fills values into a longer text, as they are written. `$$` is a dollar sign.
    fn text(&mut self, text: &str, at: &At) -> Result<String, Wrong> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if let Some(after) = after.strip_prefix('$') {
                filled.push('$');
                rest = after;
                continue;
            }
            if !after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                filled.push('$');
                rest = after;
                continue;
            }
            let end = after.find(|c| !name(c)).unwrap_or(after.len());
            let Some(index) = self.chosen.iter().position(|(known, _)| *known == &after[..end]) else {
                let near = did_you_mean(&after[..end], self.chosen.iter().map(|(known, _)| *known));
                let near = near.replace("mean ", "mean $");
                let what = format!("the matrix has no ${}{near}; for a dollar sign write $$", &after[..end]);
                return Err(Wrong::new(at, what));
            };
            self.used[index] = true;
            filled.push_str(&self.chosen[index].1.to_string());
            rest = &after[end..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::path::Path;

    use super::*;

    fn expanded(text: &str) -> Result<Vec<(String, String)>, (u64, u64, String)> {
        let case = Node::read(text, Path::new("x")).unwrap();
        let variants = expand(&case).map_err(|wrong| (wrong.at.line, wrong.at.column, wrong.what))?;
        let given = |variant: &Variant| variant.case.entry("given").unwrap().1.to_string();
        Ok(variants.iter().map(|variant| (variant.suffix.clone(), given(variant))).collect())
    }

    #[test]
    fn every_combination_once_the_last_name_fastest() {
        let text = "matrix: {m: [[RWO], null], n: [1, x]}\ngiven: {a-$n: {modes: $m, size: $n, cost: $$5$}}\n";
        let all = expanded(text).unwrap();
        let plain: Vec<_> = all.iter().map(|(name, given)| (name.as_str(), given.as_str())).collect();
        assert_eq!(
            plain,
            [
                (" [m: [RWO], n: 1]", "{a-1: {modes: [RWO], size: 1, cost: $5$}}"),
                (" [m: [RWO], n: x]", "{a-x: {modes: [RWO], size: x, cost: $5$}}"),
                (" [m: null, n: 1]", "{a-1: {modes: null, size: 1, cost: $5$}}"),
                (" [m: null, n: x]", "{a-x: {modes: null, size: x, cost: $5$}}"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_matrix_has_a_place() {
        let table = [
            ("matrix: {size: [1]}\ngiven: {a: $sise}\n", (2, 12, "the matrix has no $sise, did you mean $size?")),
            ("matrix: {m: [1], n: [2]}\ngiven: {a: $m}\n", (1, 18, "nothing in the case uses $n")),
            ("matrix: {m: []}\ngiven: {a: $m}\n", (1, 13, "matrix m has no values")),
            ("matrix: {m: 1}\ngiven: {a: $m}\n", (1, 13, "matrix m is a list")),
            ("matrix: {}\ngiven: {}\n", (1, 9, "the matrix is empty")),
            ("matrix: {1m: [1]}\ngiven: {}\n", (1, 10, "invalid name \"1m\" in a matrix")),
        ];
        for (text, (line, column, what)) in table {
            let (got_line, got_column, got) = expanded(text).unwrap_err();
            assert_eq!((got_line, got_column), (line, column), "{got}");
            assert!(got.starts_with(what), "{got}");
        }
    }
}
