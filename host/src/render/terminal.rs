//! Stderr, shared by messages, the debug log and the moving progress lines, so that none writes over another.

use std::io::{self, Write};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};

/// Stderr; on a terminal, lines are written above the moving ones.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// The moving lines; `None` when stderr is a file or a pipe.
    moving: Option<MultiProgress>,
}

impl Terminal {
    /// Takes stderr, as a terminal with moving lines or as a plain stream.
    pub fn new(moving: bool) -> Self {
        // Ten times a second is all an eye follows, and costs nothing.
        let target = || ProgressDrawTarget::stderr_with_hz(10);
        Self { moving: moving.then(|| MultiProgress::with_draw_target(target())) }
    }

    /// Returns the moving lines, if there can be any.
    pub fn moving(&self) -> Option<&MultiProgress> {
        self.moving.as_ref()
    }

    /// Writes one or more lines. If stderr cannot be written, there is nowhere to report that.
    pub fn line(&self, text: &str) {
        self.suspend(|| {
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.write_all(b"\n"));
        });
    }

    /// Runs `write` while no moving line is on the screen.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.moving {
            Some(moving) => moving.suspend(write),
            None => write(),
        }
    }

    /// Takes the moving lines off and shows the cursor again.
    pub fn restore(&self) {
        if let Some(moving) = &self.moving {
            // Nothing is left to do about a terminal that has gone away.
            let _ = moving.clear();
            let _ = Term::stderr().show_cursor();
        }
    }
}

/// Lets the debug log write between the moving lines.
impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Terminal {
    type Writer = LogLine;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine { terminal: self.clone(), text: Vec::new() }
    }
}

/// One entry of the debug log, written at once when dropped.
#[derive(Debug)]
pub struct LogLine {
    terminal: Terminal,
    text: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.terminal.line(String::from_utf8_lossy(&self.text).trim_end());
    }
}
