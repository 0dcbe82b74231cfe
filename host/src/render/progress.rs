//! The run as it happens, on stderr: one moving line a claim on a terminal, plain lines with a time elsewhere.
//!
//! What is worth showing is decided once, in `story`; the two forms below only show it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use pvmigrate_core::copy_report::{self, CopyProgress};
use pvmigrate_core::ports::RecordId;

use super::terminal::Terminal;
use super::{Screen, clean, units};
use crate::driver::{Event, Reporter};

mod story;

use story::{Story, Update, Weight};

/// How often a plain log shows how far a copy is: enough to see that it moves, few enough lines for a day-long copy.
const EVERY: Duration = Duration::from_secs(10);

/// Maximum length of a name on a moving line; longer ones are cut in the middle, where they differ least.
const NAME: usize = 40;

/// A listener that shows the run.
#[derive(Debug)]
pub struct Progress {
    screen: Screen,
    verbose_copy: bool,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    story: Story,
    /// By `namespace/claim`.
    copies: BTreeMap<String, Copy>,
    lines: BTreeMap<String, ProgressBar>,
}

/// A copy under way.
#[derive(Debug)]
struct Copy {
    since: Instant,
    shown: Instant,
}

impl Progress {
    /// Shows the run on this screen; with `verbose_copy` every line of rsync's too.
    pub fn new(screen: &Screen, verbose_copy: bool) -> Self {
        Self { screen: screen.clone(), verbose_copy, heard: Mutex::new(Heard::default()) }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // A panic in another thread loses at most one line.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, heard: &mut Heard, update: &Update) {
        match (update, self.screen.terminal.moving().is_some()) {
            (Update::Line { weight, text }, moving) => {
                let is_wanted = match weight {
                    Weight::News => true,
                    Weight::Step => self.screen.verbose > 0,
                };
                match (is_wanted, moving) {
                    (true, true) => self.screen.say(text),
                    (true, false) => self.screen.say(&stamped(text)),
                    (false, _) => {}
                }
            }
            (Update::Doing { claims, what }, true) => {
                for claim in claims {
                    let line = line_of(&self.screen.terminal, &mut heard.lines, claim);
                    line.set_style(style(DOING));
                    line.set_message(what.clone());
                    line.tick();
                }
            }
            (Update::Doing { .. }, false) => {}
            (Update::Over { claims }, _) => {
                for claim in claims {
                    heard.copies.remove(claim);
                    if let Some(line) = heard.lines.remove(claim) {
                        line.finish_and_clear();
                    }
                }
            }
        }
    }

    fn copied(&self, heard: &mut Heard, claim: &str, progress: CopyProgress) {
        let now = Instant::now();
        let copy = heard.copies.entry(claim.to_owned()).or_insert(Copy { since: now, shown: now });
        let rate = rate(progress.bytes, now.duration_since(copy.since));
        let is_due = now.duration_since(copy.shown) >= EVERY;
        if is_due {
            copy.shown = now;
        }
        let done = format!("{} {rate}", units::bytes(progress.bytes));
        if self.screen.terminal.moving().is_some() {
            let line = line_of(&self.screen.terminal, &mut heard.lines, claim);
            line.set_style(style(COPYING));
            line.set_length(100);
            line.set_position(progress.percent.into());
            line.set_message(done);
        } else if is_due {
            self.screen.say(&stamped(&format!("{}: copying, {}%, {done}", clean(claim), progress.percent)));
        }
    }
}

impl Reporter for Progress {
    fn report(&self, group: &RecordId, event: Event<'_>) {
        let mut heard = self.heard();
        for update in heard.story.hear(group, &event) {
            self.show(&mut heard, &update);
        }
    }

    fn checking(&self, class: &str, trials: usize) {
        let volumes = units::count(trials, "trial volume");
        let text = format!("checking that StorageClass {} can provision: {volumes}", clean(class));
        self.show(&mut self.heard(), &Update::Line { weight: Weight::News, text });
    }

    fn wants_every_line(&self) -> bool {
        self.verbose_copy
    }

    fn rsync(&self, group: &RecordId, claim: &str, line: &str) {
        if !self.heard().story.is_under_way(group) {
            return;
        }
        let claim = format!("{}/{claim}", group.namespace);
        // rsync overwrites a progress line with the next one, so one chunk may hold many.
        for line in copy_report::lines(line) {
            match copy_report::progress(line) {
                Some(progress) => self.copied(&mut self.heard(), &claim, progress),
                None if self.verbose_copy => self.screen.say(&format!("{}: {}", clean(&claim), clean(line))),
                None => {}
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.screen.terminal.restore();
    }
}

const DOING: &str = "{prefix}  {wide_msg}";
const COPYING: &str = "{prefix}  [{bar:24}] {percent:>3}%  {wide_msg}";

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a test checks that they are accepted.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn line_of(terminal: &Terminal, lines: &mut BTreeMap<String, ProgressBar>, claim: &str) -> ProgressBar {
    let moving = terminal.moving();
    let new = || {
        let line = ProgressBar::new(100).with_style(style(DOING)).with_prefix(shortened(&clean(claim)));
        moving.map_or(line.clone(), |moving| moving.add(line))
    };
    lines.entry(claim.to_owned()).or_insert_with(new).clone()
}

/// Brings a name to [`NAME`] columns: short ones are padded, so that the bars line up.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return format!("{name:<NAME$}");
    }
    let head: String = name.chars().take(NAME / 2).collect();
    let tail: String = name.chars().skip(length - (NAME - NAME / 2 - 1)).collect();
    format!("{head}…{tail}")
}

fn rate(bytes: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 1.0 {
        return String::new(); // a guess from a moment is worse than none
    }
    format!("({}/s)", units::bytes((bytes as f64 / seconds) as u64))
}

fn stamped(text: &str) -> String {
    format!("{} {text}", Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_accepted() {
        for template in [DOING, COPYING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn names_have_one_width_and_keep_both_ends() {
        assert_eq!(shortened("shop/data").chars().count(), NAME);
        let long = shortened(&format!("shop/{}-2031", "x".repeat(100)));
        assert_eq!(long.chars().count(), NAME);
        assert!(long.starts_with("shop/") && long.ends_with("-2031"), "{long}");
    }

    #[test]
    fn a_rate_is_shown_once_there_is_one() {
        assert_eq!(rate(1 << 20, Duration::from_millis(10)), "");
        assert_eq!(rate(10 << 20, Duration::from_secs(2)), "(5 MiB/s)");
    }
}
