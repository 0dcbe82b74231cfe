//! The text of a file. Windows shells write UTF-16 when output is redirected.

use std::io::Read as _;
use std::path::Path;

use super::{InputError, STDIN};

/// Reads the text of a file, or of standard input (`-`): UTF-8, or UTF-16 with a byte order mark.
///
/// # Errors
/// When it cannot be read, or is not text.
pub fn text(file: &Path) -> Result<String, InputError> {
    let bytes = if file == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = bytes.map_err(|source| InputError::Unreadable { path: file.to_owned(), source })?;
    decode(&bytes).map_err(|what| InputError::Encoding { path: file.to_owned(), what })
}

fn decode(bytes: &[u8]) -> Result<String, String> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest),
        [0xFF, 0xFE, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        _ => utf_8(bytes),
    }
}

fn utf_8(bytes: &[u8]) -> Result<String, String> {
    let wrong = |error: std::str::Utf8Error| {
        format!("it is neither UTF-8 nor UTF-16 with a byte order mark: invalid byte at offset {}", error.valid_up_to())
    };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(wrong)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let wrong = || "its byte order mark says UTF-16, but it is not".to_owned();
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).map_err(|_| wrong())?;
    if rest.is_empty() { Ok(text) } else { Err(wrong()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_encodings_that_shells_write_are_read() {
        let text = "kind: Pod # ü 数据 𝄞\n";
        let mut marked = vec![0xEF, 0xBB, 0xBF];
        marked.extend(text.bytes());
        let mut little = vec![0xFF, 0xFE];
        little.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let mut big = vec![0xFE, 0xFF];
        big.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        for bytes in [text.as_bytes(), &marked, &little, &big] {
            assert_eq!(decode(bytes).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_said() {
        assert!(decode(b"kind: \xFF").unwrap_err().contains("offset 6"));
        assert!(decode(&[0xFF, 0xFE, 0x41]).unwrap_err().contains("UTF-16"));
        assert!(decode(&[0xFE, 0xFF, 0xD8, 0x00]).unwrap_err().contains("UTF-16"));
    }
}
