//! From a core module to a component.

use std::borrow::Cow;

use super::error::ProjectError;

/// Wraps a core module, in which the bindings left the types of its interfaces, into a component. A component stays
/// as it is.
///
/// # Errors
/// When the bytes are neither, or the types do not fit the code.
pub fn wrap(bytes: &[u8]) -> Result<Vec<u8>, ProjectError> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {}
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(bytes.to_vec()),
        _ => return Err(ProjectError::Wrap("it is not WebAssembly".to_owned())),
    }
    let module = Cow::Borrowed(bytes);
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| ProjectError::Wrap(format!("{error:#}")))
}
