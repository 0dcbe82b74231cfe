//! A container's log, line by line, read while it grows.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::watch;

/// A line longer than this is stored in pieces, as container runtimes do.
const LONGEST_PIECE: usize = 16 * 1024;

/// How much of a log's end becomes a container's termination message (kubelet: MaxContainerTerminationMessageLogLength and
/// MaxContainerTerminationMessageLogLines).
const MESSAGE_BYTES: usize = 2048;
const MESSAGE_LINES: usize = 80;

/// What a container wrote to both of its outputs.
#[derive(Debug)]
pub struct Log {
    pieces: Mutex<Pieces>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Pieces {
    all: Vec<Piece>,
    closed: bool,
}

#[derive(Debug, Clone)]
struct Piece {
    time: Timestamp,
    /// Ends with a newline unless the line goes on in the next piece or the output ended without one.
    bytes: Bytes,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { pieces: Mutex::default(), changed: watch::Sender::new(()) })
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn line(&self, text: &str) {
        self.push(format!("{text}\n").into());
    }

    fn push(&self, bytes: Bytes) {
        self.pieces().all.push(Piece { time: Timestamp::now(), bytes });
        self.changed.send_replace(());
    }

    /// Returns what a kubelet takes for the message of a container that failed: the end of its log.
    pub(crate) fn last_words(&self) -> String {
        let all: Vec<u8> = self.pieces().all.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
        let text = String::from_utf8_lossy(&all[all.len().saturating_sub(MESSAGE_BYTES)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(MESSAGE_LINES)..].join("\n")
    }

    /// Marks the log as complete, so that followers end.
    pub(crate) fn close(&self) {
        self.pieces().closed = true;
        self.changed.send_replace(());
    }
}

/// An output that is cut into lines for the log.
#[derive(Debug)]
pub(crate) struct Cutter {
    log: Arc<Log>,
    rest: Vec<u8>,
}

impl Cutter {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log, rest: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        loop {
            let newline = self.rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let cut = match newline {
                Some(cut) if cut <= LONGEST_PIECE => cut,
                _ if self.rest.len() >= LONGEST_PIECE => LONGEST_PIECE,
                _ => return,
            };
            let rest = self.rest.split_off(cut);
            self.log.push(std::mem::replace(&mut self.rest, rest).into());
        }
    }

    /// Hands over a last line without newline.
    pub(crate) fn finish(&mut self) {
        if !self.rest.is_empty() {
            self.log.push(std::mem::take(&mut self.rest).into());
        }
    }
}

/// What a reader of a log asks for, as the query of `pods/log` has it.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Wait for more at the end.
    pub follow: bool,
    /// Only this many lines from the end.
    pub tail: Option<usize>,
    /// Only what is not older.
    pub since: Option<Duration>,
    /// Begin each line with its time.
    pub timestamps: bool,
    /// Only this many bytes.
    pub limit: Option<usize>,
}

impl LogOptions {
    /// Reads the query of a request; `None` when a number is invalid.
    pub fn of_query<'a>(query: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let number = |key: &str| query(key).map(|text| text.parse::<usize>().ok()).map_or(Some(None), |n| n.map(Some));
        let flag = |key: &str| matches!(query(key), Some("true" | "1"));
        let since = number("sinceSeconds")?.map(|seconds| Duration::from_secs(seconds as u64));
        Some(Self {
            follow: flag("follow"),
            tail: number("tailLines")?,
            since,
            timestamps: flag("timestamps"),
            limit: number("limitBytes")?,
        })
    }
}

/// Reads a log as it was asked for.
pub fn read(log: Arc<Log>, asked: &LogOptions) -> impl Stream<Item = Bytes> + Send + use<> {
    let mut reader = Reader::new(log, asked.tail, asked.since, asked.timestamps);
    if !asked.follow {
        reader.stop_at_present_end();
    }
    stream::unfold((reader, asked.limit.unwrap_or(usize::MAX)), |(mut reader, left)| async move {
        if left == 0 {
            return None;
        }
        let mut bytes = reader.next().await?;
        bytes.truncate(left);
        let left = left - bytes.len();
        Some((bytes, (reader, left)))
    })
}

/// A reader of a log from some point on, which waits for more.
struct Reader {
    log: Arc<Log>,
    changed: watch::Receiver<()>,
    at: usize,
    end: Option<usize>,
    timestamps: bool,
}

impl Reader {
    fn new(log: Arc<Log>, tail: Option<usize>, since: Option<Duration>, timestamps: bool) -> Self {
        let changed = log.changed.subscribe();
        let at = {
            let pieces = log.pieces();
            let from_tail = tail.map_or(0, |lines| start_of_tail(&pieces.all, lines));
            let oldest = since
                .and_then(|since| jiff::SignedDuration::try_from(since).ok())
                .and_then(|since| Timestamp::now().checked_sub(since).ok());
            let from_time = oldest.map_or(0, |oldest| pieces.all.partition_point(|piece| piece.time < oldest));
            from_tail.max(from_time)
        };
        Self { log, changed, at, end: None, timestamps }
    }

    /// Makes the reader end where the log ends now.
    fn stop_at_present_end(&mut self) {
        self.end = Some(self.log.pieces().all.len());
    }

    /// Returns the next piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.end.is_some_and(|end| self.at >= end) {
                return None;
            }
            {
                let pieces = self.log.pieces();
                if let Some(piece) = pieces.all.get(self.at) {
                    let starts_line = self.at == 0 || pieces.all[self.at - 1].bytes.ends_with(b"\n");
                    self.at += 1;
                    if self.timestamps && starts_line {
                        return Some([format!("{} ", piece.time).as_bytes(), &piece.bytes].concat().into());
                    }
                    return Some(piece.bytes.clone());
                }
                if pieces.closed {
                    return None;
                }
            }
            // The sender lives in the log that this reader holds.
            self.changed.changed().await.ok()?;
        }
    }
}

fn start_of_tail(pieces: &[Piece], lines: usize) -> usize {
    let mut left = lines;
    for at in (0..pieces.len()).rev() {
        let starts_line = at == 0 || pieces[at - 1].bytes.ends_with(b"\n");
        if left == 0 {
            return at + 1;
        }
        if starts_line {
            left -= 1;
            if left == 0 {
                return at;
            }
        }
    }
    if lines == 0 { pieces.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut reader: Reader) -> String {
        reader.stop_at_present_end();
        let mut all = Vec::new();
        while let Some(bytes) = reader.next().await {
            all.extend_from_slice(&bytes);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    #[tokio::test]
    async fn a_tail_counts_lines_not_pieces() {
        let log = Log::new();
        let mut cutter = Cutter::new(Arc::clone(&log));
        cutter.write(b"one\ntwo\n");
        cutter.write(&vec![b'x'; LONGEST_PIECE + 10]);
        cutter.write(b"\nlast");
        cutter.finish();
        assert_eq!(read(Reader::new(Arc::clone(&log), Some(1), None, false)).await, "last");
        let two = read(Reader::new(Arc::clone(&log), Some(2), None, false)).await;
        assert_eq!(two.len(), LONGEST_PIECE + 10 + 1 + 4);
        assert_eq!(read(Reader::new(Arc::clone(&log), Some(0), None, false)).await, "");
        assert!(read(Reader::new(log, None, None, false)).await.starts_with("one\ntwo\nxxx"));
    }
}
