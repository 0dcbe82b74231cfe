//! Reads command lines as the reference tool's parser (Go's `flag`) does, by rewriting them for clap.
//!
//! Scripts use its forms: one dash (`-source-sc x`), a value that itself begins with a dash (`--rsync-flags -z`), and
//! flags before whatever follows. This is a pure function of the words; which flags exist is read off the clap command,
//! so no second table has to be kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// The flags of the command and its subcommands.
struct Flags {
    /// Long names, and whether the next word is the value when there is no `=`.
    long: BTreeMap<String, bool>,
    /// Short names whose value is the next word.
    short: Vec<char>,
}

impl Flags {
    fn of(command: &Command) -> Self {
        let mut flags = Self { long: BTreeMap::new(), short: Vec::new() };
        flags.gather(command);
        flags
    }

    fn gather(&mut self, command: &Command) {
        for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
            let takes = takes_next_word(arg);
            if let Some(long) = arg.get_long() {
                self.long.insert(long.to_owned(), takes);
            }
            self.short.extend(arg.get_short().filter(|_| takes));
        }
        for subcommand in command.get_subcommands() {
            self.gather(subcommand);
        }
    }
}

fn takes_next_word(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

/// A word of the command line, as far as it is understood here.
enum Word<'a> {
    /// `--`: only operands follow.
    Separator,
    /// A known long flag, with the length of its dashes and whether `=value` is in the word already.
    Long { name: &'a str, dashes: usize, has_value: bool },
    /// A short flag whose value is the next word.
    ShortWithValue,
    /// Another flag: clap's business.
    OtherFlag,
    /// Not a flag.
    Operand,
}

fn read<'a>(word: &'a OsStr, flags: &Flags) -> Word<'a> {
    let bytes = word.as_encoded_bytes();
    let dashes = bytes.iter().take(2).take_while(|byte| **byte == b'-').count();
    if dashes == 0 || bytes == b"-" {
        return Word::Operand;
    }
    if bytes == b"--" {
        return Word::Separator;
    }
    let rest = &bytes[dashes..];
    let end = rest.iter().position(|byte| *byte == b'=').unwrap_or(rest.len());
    let Ok(name) = std::str::from_utf8(&rest[..end]) else { return Word::OtherFlag };
    let is_one_letter = name.chars().count() == 1;
    if flags.long.contains_key(name) && (dashes == 2 || !is_one_letter) {
        return Word::Long { name, dashes, has_value: end < rest.len() };
    }
    let is_short = dashes == 1 && is_one_letter && end == rest.len();
    if is_short && name.chars().all(|c| flags.short.contains(&c)) { Word::ShortWithValue } else { Word::OtherFlag }
}

/// Rewrites the words of a command line (the program's name first) so that clap reads them as Go's `flag` would.
///
/// Long flags get two dashes and their value joined with `=`. Flags before a subcommand go behind it, so that
/// `--context prod plan` means `plan --context prod`. `command` must be built ([`Command::build`]).
pub(super) fn normalise(words: impl IntoIterator<Item = OsString>, command: &Command) -> Vec<OsString> {
    let flags = Flags::of(command);
    let mut words = words.into_iter();
    let mut path: Vec<OsString> = words.next().into_iter().collect();
    let mut rest = Vec::new();
    let mut at = Some(command);
    while let Some(word) = words.next() {
        match read(&word, &flags) {
            Word::Separator => {
                rest.push(word);
                rest.extend(words.by_ref());
            }
            Word::Long { name, dashes, has_value } => {
                let takes_next = !has_value && flags.long.get(name) == Some(&true);
                let mut joined = OsString::from(if dashes == 1 { "-" } else { "" });
                joined.push(&word);
                if takes_next && let Some(value) = words.next() {
                    joined.push("=");
                    joined.push(value);
                }
                rest.push(joined);
            }
            Word::ShortWithValue => {
                rest.push(word);
                rest.extend(words.next());
            }
            Word::OtherFlag => rest.push(word),
            Word::Operand => {
                at = at.and_then(|command| command.find_subcommand(&word));
                if at.is_some() { path.push(word) } else { rest.push(word) }
            }
        }
    }
    path.extend(rest);
    path
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn normalised(line: &str) -> String {
        let mut command = Cli::command();
        command.build();
        // `''` stands for an empty word.
        let words = line.split(' ').map(|word| OsString::from(word.trim_matches('\'')));
        let words: Vec<String> =
            normalise(words, &command).into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    }

    #[track_caller]
    fn table(rows: &[(&str, &str)]) {
        for (line, expected) in rows {
            assert_eq!(normalised(line), *expected, "{line}");
        }
    }

    #[test]
    fn one_dash_and_two_are_the_same() {
        table(&[
            ("p -source-sc a -dest-sc=b", "p --source-sc=a --dest-sc=b"),
            ("p --source-sc a --dest-sc=b", "p --source-sc=a --dest-sc=b"),
            ("p -set-defaults -dest-sc b", "p --set-defaults --dest-sc=b"),
            ("p -set-defaults=false", "p --set-defaults=false"),
            ("p -help", "p --help"),
        ]);
    }

    #[test]
    fn a_value_may_look_like_a_flag() {
        table(&[
            ("p --rsync-flags --bwlimit=100,-z", "p --rsync-flags=--bwlimit=100,-z"),
            ("p -rsync-flags -z -dest-sc b", "p --rsync-flags=-z --dest-sc=b"),
            ("p --source-sc -dest-sc b", "p --source-sc=-dest-sc b"),
            ("p --source-sc ''", "p --source-sc="),
        ]);
    }

    #[test]
    fn a_missing_value_is_left_for_clap_to_report() {
        table(&[("p --dest-sc", "p --dest-sc"), ("p -dest-sc", "p --dest-sc")]);
    }

    #[test]
    fn short_flags_and_unknown_ones_stay() {
        table(&[
            ("p -n shop -vv -o json", "p -n shop -vv -o json"),
            ("p -n plan", "p -n plan"),
            ("p -nosuch x", "p -nosuch x"),
            ("p --nosuch", "p --nosuch"),
        ]);
    }

    #[test]
    fn flags_before_a_subcommand_go_behind_it() {
        table(&[
            ("p --context prod plan -source-sc a", "p plan --context=prod --source-sc=a"),
            ("p -v policy -o json inspect x.wasm", "p policy inspect -v -o json x.wasm"),
            ("p -n a status", "p status -n a"),
            ("p rehearse plan", "p rehearse plan"),
        ]);
    }

    #[test]
    fn nothing_behind_two_dashes_is_touched() {
        table(&[("p rehearse -- -source-sc plan", "p rehearse -- -source-sc plan")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let mut command = Cli::command();
        command.build();
        let path = OsString::from_vec(b"/tmp/\xff".to_vec());
        let words = normalise(["p".into(), "-kubeconfig".into(), path], &command);
        assert_eq!(words[1].as_encoded_bytes(), b"--kubeconfig=/tmp/\xff");
    }
}
