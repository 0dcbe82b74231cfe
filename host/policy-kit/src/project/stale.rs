//! Whether a project has to be built again: by content.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::ProjectError;
use super::file::Project;

/// Where the stamp of the last build is kept.
const STAMP: &str = "built.json";
/// The version of the recipes; raised when they make something different.
const RECIPES: &str = "1";

/// The digest of all inputs of a build.
pub(super) struct Stamp {
    inputs: String,
}

/// The stored stamp of a build.
#[derive(Deserialize, Serialize)]
struct Kept {
    inputs: String,
    /// The digest of the file in which cargo keeps the versions that it chose; building may write it.
    chosen: Option<String>,
    output: String,
}

impl Stamp {
    pub(super) fn of(project: &Project) -> Result<Self, ProjectError> {
        let files = project.files()?;
        let mut all = vec![RECIPES.as_bytes().to_vec(), project.text.as_bytes().to_vec()];
        for file in &files {
            let path = project.dir.join(file);
            all.push(file.to_string_lossy().into_owned().into_bytes());
            all.push(std::fs::read(&path).map_err(ProjectError::io("read", &path))?);
        }
        Ok(Self { inputs: digest(all) })
    }

    /// Returns whether the file is what a build of these inputs has made.
    pub(super) fn holds(&self, project: &Project, hidden: &Path, output: &Path) -> Result<bool, ProjectError> {
        let kept = hidden.join(STAMP);
        let (Some(kept), Some(output)) = (read(&kept)?, read(output)?) else {
            return Ok(false);
        };
        // A stamp that cannot be read is one of another version.
        let Ok(kept) = serde_json::from_slice::<Kept>(&kept) else {
            return Ok(false);
        };
        let same = kept.inputs == self.inputs && kept.output == hex(&Sha256::digest(&output));
        Ok(same && kept.chosen == chosen(project)?)
    }

    pub(super) fn keep(self, project: &Project, hidden: &Path, component: &[u8]) -> Result<(), ProjectError> {
        let file = hidden.join(STAMP);
        let kept = Kept { inputs: self.inputs, chosen: chosen(project)?, output: hex(&Sha256::digest(component)) };
        let text = serde_json::to_vec(&kept).map_err(|error| ProjectError::io("write", &file)(error.into()))?;
        std::fs::write(&file, text).map_err(ProjectError::io("write", &file))
    }
}

fn chosen(project: &Project) -> Result<Option<String>, ProjectError> {
    Ok(read(&project.dir.join("Cargo.lock"))?.map(|content| hex(&Sha256::digest(&content))))
}

/// Lists the files of an input. Hidden files, build folders and virtual environments are not sources.
pub(super) fn collect(dir: &Path, input: &Path, files: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    let path = dir.join(input);
    let found = std::fs::metadata(&path).map_err(ProjectError::io("read the input", &path))?;
    if !found.is_dir() {
        files.push(input.to_owned());
        return Ok(());
    }
    if path.join("pyvenv.cfg").exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&path).map_err(ProjectError::io("read", &path))? {
        let name = entry.map_err(ProjectError::io("read", &path))?.file_name();
        let skipped = name.to_string_lossy().starts_with('.')
            || ["target", "node_modules", "__pycache__"].iter().any(|built| name == *built);
        if !skipped {
            collect(dir, &input.join(name), files)?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, ProjectError> {
    match std::fs::read(file) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProjectError::io("read", file)(error)),
    }
}

/// Returns the digest of several texts, in hex.
pub(super) fn digest(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut all = Sha256::new();
    for text in texts {
        // Lengths keep one text's end from being another one's beginning.
        all.update(text.as_ref().len().to_le_bytes());
        all.update(text);
    }
    hex(&all.finalize())
}

fn hex(digest: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
