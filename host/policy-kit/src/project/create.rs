//! Making a new project.

use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::file::Language;
use super::vendored::{INTERFACE, INTERFACE_VERSION, JS, PYTHON, RUST, SDK, SDK_DERIVE, write};

/// The placeholder in the templates for the name of the policy.
const PLACEHOLDER: &str = "policy-name";
/// Maximum length of a name.
const LONGEST: usize = 50;

/// A project that was created.
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
    let is_new = !dir.exists();
    let created = fill(dir, name, language);
    if created.is_err() {
        // Half a project would only be in the way of the next try. The cause is reported; a failure to remove it is
        // ignored.
        let _ = if is_new { std::fs::remove_dir_all(dir) } else { clear(dir) };
    }
    created
}

fn fill(dir: &Path, name: &str, language: Language) -> Result<Created, ProjectError> {
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

/// Removes everything in a folder that was empty before.
fn clear(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ProjectError> {
    let wrong = |problem| Err(ProjectError::Name { name: pvmigrate_policy::text::escape(name), problem });
    let letter = |c: char| c.is_ascii_lowercase();
    if name.is_empty() || name.len() > LONGEST {
        return wrong("write 1 to 50 characters");
    }
    if name.contains('/') {
        return wrong("that is a path: name the policy, and give the folder with --dir");
    }
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit() || c == '-') {
        return wrong("write lower-case letters, digits and '-', a letter first");
    }
    if name.ends_with('-') || name.contains("--") {
        return wrong("write '-' only between two words");
    }
    // Existing crates and Rust keywords cannot be package names.
    let taken = ["test", "core", "std", "alloc", "self", "super", "crate", "fn", "use", "mod", "type", "match", "move"];
    if taken.contains(&name) {
        return wrong("that is a reserved word of the language");
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    /// A path of nearly the maximum length stands in for a disk that is nearly full.
    #[test]
    fn an_incomplete_project_is_removed() {
        const LONGEST_PATH: usize = 4095;
        let folder = tempfile::tempdir().unwrap();
        let mut above = folder.path().to_owned();
        while above.as_os_str().len() + 400 < LONGEST_PATH {
            above.push("x".repeat(200));
        }
        let room = "/README.md".len();
        let dir = above.join("x".repeat(LONGEST_PATH - room - above.as_os_str().len() - 1));
        create(&dir, "keep", Language::Python).unwrap_err();
        assert!(!dir.exists());
        std::fs::create_dir_all(&dir).unwrap();
        create(&dir, "keep", Language::Python).unwrap_err();
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "a folder that was there stays, empty");
    }
}
