//! Follows what a copy pod writes, for the progress bar and for `--verbose-copy`. Nothing is decided by it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt, Stream, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::LogParams;
use pvmigrate_core::copy_report::{CopyProgress, progress};
use pvmigrate_core::text::printable;

use crate::caches::Caches;
use crate::resources::Resources;
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::pod::{CopyPod, SeenPod};
use pvmigrate_objects::from_resource::pod_progress::Reached;

/// A line is shown up to here; rsync writes file names of any length.
const LINE: usize = 4096;

/// How often in a row the stream is opened again without a new line: load balancers cut idle ones.
const TRIES: u32 = 5;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the pod's object may take to show the end of a pass that its log has shown.
const END: Duration = Duration::from_secs(2);

/// A wait for a pod's start is bounded by the driver, which deletes the pod; this only keeps the timer finite.
const START: Duration = Duration::from_secs(24 * 3600);

/// One line of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyLine {
    /// The line, made safe to print.
    pub text: String,
    /// How far the copy is, when the line shows it.
    pub progress: Option<CopyProgress>,
}

/// Follows the log of a claim's pass from its first line to its end.
///
/// A container runtime hands lines on when they end, or every 16 KiB: while rsync copies one huge file, progress comes in
/// steps of minutes.
pub(crate) fn follow(
    client: Client,
    caches: Arc<Caches>,
    namespace: &str,
    pod: &str,
    claim: &str,
) -> impl Stream<Item = CopyLine> + Send + use<> {
    let follower = Follower {
        client,
        caches,
        key: Key::new(namespace, pod),
        claim: claim.to_owned(),
        lines: Lines::default(),
        reader: None,
        ready: VecDeque::new(),
        tries: TRIES,
        over: false,
    };
    stream::unfold(follower, |mut follower| async move {
        let line = follower.next().await?;
        Some((line, follower))
    })
}

struct Follower {
    client: Client,
    caches: Arc<Caches>,
    key: Key,
    claim: String,
    lines: Lines,
    reader: Option<Pin<Box<dyn AsyncBufRead + Send>>>,
    ready: VecDeque<CopyLine>,
    tries: u32,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<CopyLine> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.tries = TRIES;
                return Some(line);
            }
            if self.over || self.tries == 0 {
                return None;
            }
            match self.reader.as_mut() {
                None => self.open().await,
                Some(reader) => {
                    let read = match reader.fill_buf().await {
                        Ok(bytes) => {
                            self.lines.take(bytes, &mut self.ready);
                            bytes.len()
                        }
                        // A lost connection is an end like any other: what is missing is asked for again.
                        Err(_lost) => 0,
                    };
                    reader.as_mut().consume(read);
                    if read == 0 {
                        self.close().await;
                    }
                }
            }
        }
    }

    /// Opens the log where it was left, once the container has started.
    async fn open(&mut self) {
        let claim = self.claim.as_str();
        let is_starting = |copy: &CopyPod| matches!(copy.reached, Reached::Starting(_));
        let has_begun = |pod: Option<&SeenPod>| !copy_in(pod, claim).is_some_and(is_starting);
        // The cache has the pod before its first line is asked for, or never.
        self.caches.pods.until(&self.key, END, |pod| pod.is_some()).await;
        self.caches.pods.until(&self.key, START, has_begun).await;
        let pod = self.caches.pods.get(&self.key);
        let Some(copy) = copy_in(pod.as_deref(), claim) else {
            self.over = true;
            return;
        };
        let params = LogParams {
            container: Some(copy.container.clone()),
            follow: true,
            timestamps: true,
            // Whole seconds, rounded: ask for a little more, and drop what was there already.
            since_time: self.lines.last.and_then(|last| last.checked_sub(jiff::SignedDuration::from_secs(1)).ok()),
            ..LogParams::default()
        };
        match Resources::<Pod>::of(&self.client, &self.key.namespace).follow_log(&self.key.name, &params).await {
            Ok(reader) => {
                self.lines.reopen();
                self.reader = Some(Box::pin(reader));
            }
            Err(error) => {
                tracing::debug!(%error, "a copy's log cannot be followed");
                self.tries -= 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Closes the stream, for good when the pass has ended.
    async fn close(&mut self) {
        self.reader = None;
        self.tries -= 1;
        let claim = self.claim.as_str();
        let is_over = |pod: Option<&SeenPod>| !copy_in(pod, claim).is_some_and(CopyPod::is_under_way);
        if self.caches.pods.until(&self.key, END, is_over).await {
            self.lines.emit(&mut self.ready);
            self.over = true;
        }
    }
}

fn copy_in<'a>(pod: Option<&'a SeenPod>, claim: &str) -> Option<&'a CopyPod> {
    pod?.copy_of(claim)
}

/// A log with timestamps that is cut into lines. rsync ends a progress line with a carriage return.
#[derive(Debug, Default)]
struct Lines {
    /// The line started, without its timestamp.
    begun: Vec<u8>,
    /// The timestamp of the raw line is being read, into `begun`.
    in_stamp: bool,
    /// The raw line was shown before.
    skipping: bool,
    /// The newest raw line's time.
    last: Option<Timestamp>,
    /// Raw lines up to here were shown before.
    shown: Option<Timestamp>,
    has_begun: bool,
}

impl Lines {
    fn reopen(&mut self) {
        *self = Self { last: self.last, shown: self.last, ..Self::default() };
    }

    fn take(&mut self, bytes: &[u8], ready: &mut VecDeque<CopyLine>) {
        for byte in bytes {
            if !self.has_begun {
                (self.has_begun, self.in_stamp) = (true, true);
            }
            match byte {
                b'\n' => {
                    self.emit(ready);
                    (self.in_stamp, self.skipping) = (true, false);
                }
                b'\r' => self.emit(ready),
                b' ' if self.in_stamp => self.stamp(),
                // One more than is shown, so that the cut is marked.
                _ if self.begun.len() <= LINE => self.begun.push(*byte),
                _ => {}
            }
        }
    }

    /// Ends the timestamp. What is not one is text: some runtimes write none before a line's later pieces.
    fn stamp(&mut self) {
        self.in_stamp = false;
        let stamp = std::str::from_utf8(&self.begun).ok().and_then(|text| text.parse::<Timestamp>().ok());
        match stamp {
            Some(stamp) => {
                self.begun.clear();
                self.skipping = self.shown.is_some_and(|shown| stamp <= shown);
                self.last = self.last.max(Some(stamp));
            }
            None => self.begun.push(b' '),
        }
    }

    fn emit(&mut self, ready: &mut VecDeque<CopyLine>) {
        let line = std::mem::take(&mut self.begun);
        let text = String::from_utf8_lossy(&line);
        if self.skipping || text.trim().is_empty() {
            return;
        }
        ready.push_back(CopyLine { progress: progress(&text), text: printable(&text, LINE) });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cut(lines: &mut Lines, chunks: &[&str]) -> Vec<String> {
        let mut ready = VecDeque::new();
        for chunk in chunks {
            lines.take(chunk.as_bytes(), &mut ready);
        }
        ready.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_at_newlines_and_carriage_returns_wherever_chunks_end() {
        let log = "2026-01-01T00:00:01.5Z sub/a b\n2026-01-01T00:00:02Z      6  50% 1.00kB/s 0:00:00 \r     12 100% 2.00kB/s 0:00:00 (xfr#1)\n2026-01-01T00:00:03Z \n";
        let whole = cut(&mut Lines::default(), &[log]);
        assert_eq!(whole, ["sub/a b", "6  50% 1.00kB/s 0:00:00", "12 100% 2.00kB/s 0:00:00 (xfr#1)"]);
        let bytes: Vec<&str> = log.split("").collect();
        assert_eq!(cut(&mut Lines::default(), &bytes), whole);
    }

    #[test]
    fn progress_is_read_off_a_line() {
        let mut ready = VecDeque::new();
        Lines::default().take(b"2026-01-01T00:00:01Z  1,048,576  42%  3.10MB/s    0:00:12\n", &mut ready);
        assert_eq!(ready[0].progress, Some(CopyProgress { bytes: 1_048_576, percent: 42 }));
    }

    #[test]
    fn what_was_shown_before_a_cut_is_not_shown_again() {
        let mut lines = Lines::default();
        let first = "2026-01-01T00:00:01Z one\n2026-01-01T00:00:02Z two\n2026-01-01T00:00:03Z thr";
        assert_eq!(cut(&mut lines, &[first]), ["one", "two"]);
        // The third line had begun, and its rest is lost with the connection.
        lines.last = Some("2026-01-01T00:00:02Z".parse().unwrap());
        lines.reopen();
        let again = "2026-01-01T00:00:02Z two\n2026-01-01T00:00:03Z three\n2026-01-01T00:00:04Z four\n";
        assert_eq!(cut(&mut lines, &[again]), ["three", "four"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_is_whole() {
        let log = format!("2026-01-01T00:00:01Z {}\n2026-01-01T00:00:02Z next\n", "x".repeat(100_000));
        let lines = cut(&mut Lines::default(), &[&log]);
        assert_eq!(lines[0].chars().count(), LINE + 1);
        assert!(lines[0].ends_with('…'));
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn text_that_is_not_a_timestamp_stays() {
        assert_eq!(cut(&mut Lines::default(), &["a file name\n"]), ["a file name"]);
    }
}
