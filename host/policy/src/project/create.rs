//! Making a new project.

use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::file::Language;
use super::vendored::{INTERFACE, INTERFACE_VERSION, JS, PYTHON, RUST, SDK, SDK_DERIVE, write};

/// The name that stands in the templates for that of the policy.
const PLACEHOLDER: &str = "policy-name";
/// The longest name.
const LONGEST: usize = 50;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The project's folder.
    pub dir: PathBuf,
    /// The files that the author will work with, relative to the folder.
    pub files: Vec<PathBuf>,
}

/// Makes a folder with a small policy that can be built, and tested, at once.
///
/// # Errors
/// When the name cannot be a policy's, or the folder is in use.
pub fn create(dir: &Path, name: &str, language: Language) -> Result<Created, ProjectError> {
    check_name(name)?;
    check_empty(dir)?;
    let (template, vendored): (_, &[(&str, _)]) = match language {
        Language::Rust => (RUST, &[("vendor/sdk", SDK), ("vendor/sdk-derive", SDK_DERIVE)]),
        Language::Python => (PYTHON, &[]),
        Language::Js => (JS, &[]),
    };
    let mut files = Vec::new();
    for (file, text) in template {
        // A real .gitignore among the templates would hide files of ours.
        let file = if *file == "gitignore" { ".gitignore" } else { file };
        write(dir, file, &text.replace(PLACEHOLDER, name))?;
        files.push(PathBuf::from(file));
    }
    for (folder, embedded) in vendored {
        for (file, text) in *embedded {
            write(dir, &format!("{folder}/{file}"), text)?;
        }
    }
    for (file, text) in INTERFACE {
        write(dir, &format!("wit/{INTERFACE_VERSION}/{file}"), text)?;
    }
    Ok(Created { dir: dir.to_owned(), files })
}

fn check_name(name: &str) -> Result<(), ProjectError> {
    let wrong = |problem| Err(ProjectError::Name { name: crate::text::escape(name), problem });
    let letter = |c: char| c.is_ascii_lowercase();
    if name.is_empty() || name.len() > LONGEST {
        return wrong("write 1 to 50 characters");
    }
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit() || c == '-') {
        return wrong("write small letters, digits and '-', a letter first");
    }
    if name.ends_with('-') || name.contains("--") {
        return wrong("a '-' stands between two words");
    }
    // Crates that are there already, and words that Rust keeps for itself, make no package name.
    let taken = ["test", "core", "std", "alloc", "self", "super", "crate", "fn", "use", "mod", "type", "match", "move"];
    if taken.contains(&name) {
        return wrong("that is a word of the language");
    }
    Ok(())
}

fn check_empty(dir: &Path) -> Result<(), ProjectError> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(ProjectError::NotEmpty(dir.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ProjectError::io("read", dir)(error)),
    }
}
