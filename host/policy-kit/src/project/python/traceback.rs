//! What Python says when a policy cannot be imported, without the frames of the tool that imports it.

use pvmigrate_policy::{SourceProblem, text};

/// The module that comes with a project; what goes wrong in it has its cause in the policy.
const HELPERS: &str = "pvmigrate_policy.py";

/// Finds what is wrong, and where in the project's own `files`, in the output of componentize-py.
pub(super) fn problem(output: &str, main: &str, files: &[String], exports: &[String]) -> Option<SourceProblem> {
    let cause = output.split_once("\nCaused by:\n")?.1;
    let words = cause.lines().map(str::trim).find(|line| !line.is_empty())?;
    if let Some(missing) = missing_class(words, exports) {
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

/// Reads `AttributeError: module 'policy' has no attribute 'Selection'`, where that is the class of an export.
fn missing_class(words: &str, exports: &[String]) -> Option<String> {
    let (_, class) = words.strip_prefix("AttributeError: module ")?.split_once(" has no attribute ")?;
    let class = class.trim_matches('\'');
    if class == "Manifest" {
        return Some(format!("class {class} is missing: every policy has one"));
    }
    let plain = |interface: &str| interface.replace('-', "");
    let interface = exports.iter().find(|interface| plain(interface) == class.to_lowercase())?;
    Some(format!("class {class} is missing: policy.yaml has {interface} among its exports"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn told(output: &str) -> Option<String> {
        let files = ["policy.py", "sub/rule.py", HELPERS].map(str::to_owned);
        let exports = ["selection".to_owned(), "access-modes".to_owned()];
        problem(output, "policy.py", &files, &exports).map(|problem| problem.to_string())
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
            told(&class("Selection")).unwrap(),
            "policy.py: class Selection is missing: policy.yaml has selection among its exports"
        );
        assert!(told(&class(concat!("Access", "Modes"))).unwrap().ends_with("access-modes among its exports"));
        assert_eq!(told(&class("Manifest")).unwrap(), "policy.py: class Manifest is missing: every policy has one");
        assert_eq!(told(&class("helper")), None);
        assert_eq!(told("pip: no network"), None);
    }
}
