//! Why a policy could not be used: which one, in which call, and what it ran into.
//!
//! A denial is not a failure; it is an answer. Every failure means that nothing may be written.

use std::fmt;
use std::path::PathBuf;

use pvmigrate_core::policy::quantity::Bytes;
use pvmigrate_core::policy::{LogLine, PolicyError, VolumeId};

use crate::bound::Excess;
use crate::function::Function;
use crate::source::SourceProblem;

/// A failure of a policy: which policy, in which call, and why.
///
/// Printed on one line: the policy's own words first where it left any, then what stopped it.
#[derive(Debug, thiserror::Error)]
pub struct PolicyFailure {
    /// The policy. Boxed, so that results stay small.
    pub origin: Box<Origin>,
    /// The function it failed in; `None` while it was being loaded.
    pub function: Option<Function>,
    /// What went wrong.
    #[source]
    pub kind: FailureKind,
    /// What it had logged in that call.
    pub log: Vec<LogLine>,
}

impl fmt::Display for PolicyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kind, self.function) {
            // Its place first, as compilers say it.
            (FailureKind::Source(problem), _) => problem.fmt(f),
            (FailureKind::Trap { words: Some(words), .. }, Some(function)) => {
                write!(f, "{} {words} (in {function})", self.origin)
            }
            (kind, Some(function)) => write!(f, "{} in {function}: {kind}", self.origin),
            (kind, None) => write!(f, "{} {kind}", self.origin),
        }
    }
}

impl PolicyFailure {
    /// Blames a policy for what is wrong with it outside any call.
    pub(crate) fn of(origin: &Origin, kind: FailureKind) -> Self {
        Self { origin: Box::new(origin.clone()), function: None, kind, log: Vec::new() }
    }
}

/// A policy's identity, as far as it is known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file it was read from; `None` for the built-in one.
    pub file: Option<PathBuf>,
    /// `sha256:` and the hex digest of its bytes, once they are read.
    pub digest: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "policy {}", file.display()),
            None => f.write_str("the built-in policy"),
        }
    }
}

/// What can go wrong with a policy.
#[derive(Debug, thiserror::Error)]
pub enum FailureKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The file is larger than a component may be.
    #[error("is too large: {} bytes, and at most {} are accepted", .bytes, Bytes(*.limit as u64))]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// The file is not the one that was meant.
    #[error("is refused: its digest is {is}, and {wanted} was asked for")]
    WrongDigest {
        /// The digest asked for.
        wanted: String,
        /// The digest of its bytes.
        is: String,
    },
    /// The file is not a component.
    #[error("is not a WebAssembly component: {0}")]
    NotAComponent(NotComponent),
    /// Compiling it would take too long, or too much memory.
    #[error("would take too much to compile: {0}")]
    TooComplex(Excess),
    /// It wants to call something that policies may not call.
    #[error("is refused: it imports {import}, and {hint}")]
    Refused {
        /// The import's name.
        import: String,
        /// What policies may import instead.
        hint: &'static str,
    },
    /// It speaks another version of the interface.
    #[error("needs pvmigrate:policy@{needs}, but this pvmigrate offers {offers}; {hint}")]
    ForeignVersion {
        /// The version it was built for.
        needs: String,
        /// The versions offered.
        offers: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// It does not export what a policy exports.
    #[error("is a component, but not a policy: {0}")]
    WrongWorld(String),
    /// What it says about itself cannot be used.
    #[error("describes itself wrongly: {0}")]
    BadInfo(String),
    /// Its source cannot be loaded.
    #[error("{0}")]
    Source(SourceProblem),
    /// It used up its fuel.
    #[error("stopped: fuel {} used of {}; it loops, or does far too much for each volume", Millions(*.used), Millions(*.limit))]
    Fuel {
        /// Fuel used.
        used: u64,
        /// Fuel given.
        limit: u64,
    },
    /// It took too long.
    #[error("stopped: not finished after {} s", .limit.as_secs_f32())]
    Time {
        /// Wall time given.
        limit: std::time::Duration,
    },
    /// It wanted too much memory.
    #[error("stopped: wanted {} of memory, and {} are allowed", Bytes(*.wanted as u64), Bytes(*.limit as u64))]
    Memory {
        /// What it wanted in all.
        wanted: usize,
        /// The limit.
        limit: usize,
    },
    /// It called itself too deeply.
    #[error("stopped: call stack exhausted; it calls itself without end, or too deeply")]
    Stack,
    /// Its answer is too large.
    #[error("gave an answer that is too large: {0}")]
    OutputTooLarge(String),
    /// It logged too much.
    #[error("stopped: logged more than {} in one call", Bytes(*.limit as u64))]
    LogFlood {
        /// The limit.
        limit: usize,
    },
    /// It looked up too much.
    #[error("stopped: {0} in one call")]
    Lookups(String),
    /// It gave up.
    #[error("{}", in_words(.words.as_deref(), .trap, *.asked_system))]
    Trap {
        /// Its panic message, when it left one.
        words: Option<String>,
        /// What the engine says.
        trap: String,
        /// It stopped itself, as a runtime does where it would ask a system that policies do not have.
        asked_system: bool,
    },
    /// It says that it cannot decide.
    #[error("cannot decide: {} ({})", .0.message, .0.code)]
    Undecided(PolicyError),
    /// It used a code that it does not declare.
    #[error("used the code {code:?}, which it does not declare{near}; add it to the codes of manifest.describe")]
    UndeclaredCode {
        /// The code.
        code: String,
        /// The declared code that was perhaps meant, in words; empty when none is near.
        near: String,
    },
    /// It answered about a volume that it was not asked about.
    #[error("answered about volume id {0}, which it was not asked about")]
    UnknownVolume(VolumeId),
    /// It answered twice about one volume.
    #[error("answered twice about volume id {0}")]
    RepeatedVolume(VolumeId),
    /// The engine itself cannot start; no policy is to blame.
    #[error("cannot be run: the WebAssembly engine does not start: {0}")]
    Engine(String),
}

impl FailureKind {
    /// Returns its stable name, for machines and for `expect: {fault: NAME}` in tests.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::WrongDigest { .. } => "wrong-digest",
            Self::NotAComponent(_) => "not-a-component",
            Self::TooComplex(_) => "too-complex",
            Self::Refused { .. } => "refused-import",
            Self::ForeignVersion { .. } => "foreign-version",
            Self::WrongWorld(_) => "wrong-world",
            Self::BadInfo(_) => "bad-info",
            Self::Source(_) => "source",
            Self::Fuel { .. } => "fuel",
            Self::Time { .. } => "time",
            Self::Memory { .. } => "memory",
            Self::Stack => "stack",
            Self::OutputTooLarge(_) => "output",
            Self::LogFlood { .. } => "log",
            Self::Lookups(_) => "lookups",
            Self::Trap { .. } => "trap",
            Self::Undecided(_) => "undecided",
            Self::UndeclaredCode { .. } => "undeclared-code",
            Self::UnknownVolume(_) => "unknown-volume",
            Self::RepeatedVolume(_) => "repeated-volume",
            Self::Engine(_) => "engine",
        }
    }
}

fn in_words(words: Option<&str>, trap: &str, asked_system: bool) -> String {
    match (words, asked_system) {
        (Some(words), _) => format!("{words}; {trap}"),
        (None, true) => format!(
            "{trap}; it left no message: it may have wanted what policies do not have (files, a clock, the network)"
        ),
        (None, false) => format!("{trap}; it left no message"),
    }
}

/// What a file is, when it is not a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComponent {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A core module.
    #[error("it is a core module; wrap it into a component (`wasm-tools component new`)")]
    CoreModule,
    /// Machine code that an engine saved.
    #[error(
        "it is precompiled machine code (.cwasm), which is never run from outside; give the .wasm it was made from"
    )]
    Precompiled,
    /// WebAssembly text.
    #[error("it is WebAssembly text; assemble it first (`wasm-tools parse`)")]
    Text,
    /// Something else.
    #[error("it does not start like WebAssembly")]
    Unknown,
    /// WebAssembly with something wrong in it.
    #[error("{0}")]
    Invalid(String),
}

/// An amount of fuel, printed as `50.0M`.
struct Millions(u64);

impl fmt::Display for Millions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}M", self.0 / 1_000_000, self.0 / 100_000 % 10)
    }
}
