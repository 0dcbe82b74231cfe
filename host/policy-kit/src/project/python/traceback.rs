//! What Python says when a policy cannot be imported, without the frames of the tool that imports it.

use pvmigrate_policy::{SourceProblem, text};

/// The module that comes with a project; what goes wrong in it has its cause in the policy.
const HELPERS: &str = "pvmigrate_policy.py";

/// The classes that answer for the interfaces.
const CLASSES: [(&str, &str); 5] = [
    ("Manifest", "manifest"),
    ("Settings", "settings"),
    ("Selection", "selection"),
    ("AccessModes", "access-modes"),
    ("Preflight", "preflight"),
];

/// Finds what is wrong, and where in the project's own `files`, in the output of componentize-py.
pub(super) fn problem(output: &str, main: &str, files: &[String]) -> Option<SourceProblem> {
    let cause = output.split_once("\nCaused by:\n")?.1;
    let words = cause.lines().map(str::trim).find(|line| !line.is_empty())?;
    if let Some(missing) = missing_class(words) {
        return Some(SourceProblem { file: Some(main.to_owned()), line: None, column: None, message: missing });
    }
    let places: Vec<_> = output.lines().filter_map(|line| place(line, files)).collect();
    let own = places.iter().rev().find(|(file, _)| file != HELPERS).or(places.last());
    let (file, line) = own?.clone();
    // A SyntaxError names its place once more.
    let again = format!(", line {line})");
    let message =
        words.strip_suffix(&again).and_then(|words| words.rsplit_once(" (")).map_or(words, |(words, _)| words);
    Some(SourceProblem { file: Some(file), line: Some(line), column: None, message: text::escape(message) })
}

/// Reads `File "/0/policy.py", line 12`.
fn place(line: &str, files: &[String]) -> Option<(String, u32)> {
    // The tool's own last words may be in front of it.
    let (path, rest) = line.split_once("File \"/")?.1.split_once("\", line ")?;
    let (root, file) = path.split_once('/')?;
    root.parse::<u32>().ok()?;
    let number = rest.split(',').next()?.trim().parse().ok()?;
    files.iter().any(|known| known == file).then(|| (file.to_owned(), number))
}

fn missing_class(words: &str) -> Option<String> {
    let (_, class) = words.strip_prefix("AttributeError: module ")?.split_once(" has no attribute ")?;
    let class = class.trim_matches('\'');
    let (_, interface) = CLASSES.iter().find(|(known, _)| *known == class)?;
    Some(match *interface {
        "manifest" => format!("class {class} is missing: every policy has one"),
        _ => format!("class {class} is missing: policy.yaml has {interface} among its exports"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn told(output: &str) -> Option<String> {
        let files = ["policy.py", "sub/rule.py", HELPERS].map(str::to_owned);
        problem(output, "policy.py", &files).map(|problem| problem.to_string())
    }

    #[test]
    fn the_policys_own_line_is_told() {
        let name = "Traceback (most recent call last):
  File \"/home/me/tools/bin/componentize-py\", line 8, in <module>
    sys.exit(script())
AssertionError: Traceback (most recent call last):
  File \"/0/policy.py\", line 3, in <module>
    from sub.rule import x
  File \"/0/sub/rule.py\", line 7, in <module>
    info()
  File \"/0/pvmigrate_policy.py\", line 38, in info
TypeError: info() missing (3) arguments


Caused by:
    TypeError: info() missing (3) arguments
";
        assert_eq!(told(name).unwrap(), "sub/rule.py:7: TypeError: info() missing (3) arguments");
        let syntax = "AssertionError:   File \"/0/policy.py\", line 4
    for
       ^
SyntaxError: invalid syntax


Caused by:
    SyntaxError: invalid syntax (policy.py, line 4)
";
        assert_eq!(told(syntax).unwrap(), "policy.py:4: SyntaxError: invalid syntax");
    }

    #[test]
    fn a_class_that_is_missing_is_named_with_the_export() {
        let class =
            |name: &str| format!("x\n\nCaused by:\n    AttributeError: module 'policy' has no attribute '{name}'\n");
        assert_eq!(
            told(&class("AccessModes")).unwrap(),
            "policy.py: class AccessModes is missing: policy.yaml has access-modes among its exports"
        );
        assert_eq!(told(&class("Manifest")).unwrap(), "policy.py: class Manifest is missing: every policy has one");
        assert_eq!(told(&class("helper")), None);
        assert_eq!(told("pip: no network"), None);
    }
}
