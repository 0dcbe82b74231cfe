//! The bytes of a component: reading no more than a policy may have, and their digest.

use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::failure::FailureKind;
use crate::limits::Limits;

/// Reads a file that is not too large.
pub(super) fn read(file: &Path, limits: &Limits) -> Result<Vec<u8>, FailureKind> {
    let open = std::fs::File::open(file).map_err(FailureKind::Unreadable)?;
    let size = open.metadata().map_err(FailureKind::Unreadable)?.len();
    let too_large = |bytes| FailureKind::TooLarge { bytes, limit: limits.component_bytes };
    if size > limits.component_bytes as u64 {
        return Err(too_large(size));
    }
    // Limit the read all the same: pipes and growing files do not report their true size.
    let mut bytes = Vec::new();
    open.take(limits.component_bytes as u64 + 1).read_to_end(&mut bytes).map_err(FailureKind::Unreadable)?;
    match bytes.len() > limits.component_bytes {
        true => Err(too_large(bytes.len() as u64)),
        false => Ok(bytes),
    }
}

/// Returns `sha256:` and the hex digest.
pub(super) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut digest = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _infallible = write!(digest, "{byte:02x}");
    }
    digest
}
