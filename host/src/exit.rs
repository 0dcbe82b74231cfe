//! Exit codes: the one table that scripts, the README and every command go by.
//!
//! A code is never given a new meaning. Nothing here decides which code a run gets, only which of several is gravest.

use std::fmt::Write as _;

macro_rules! exits {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $word:literal, $means:literal;)*) => {
        /// How the command ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Exit { $($(#[$doc])* $variant,)* }

        impl Exit {
            /// All of them, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the number the process ends with.
            pub fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns the stable name in JSON output.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns what the code means, for the README and the help.
            pub fn means(self) -> &'static str {
                match self { $(Self::$variant => $means,)* }
            }
        }
    };
}

exits! {
    /// All that was asked for is done.
    Done = 0, "done", "Done, or nothing to do.";
    /// Something was found that keeps a group, or all of them, from starting.
    Finding = 1, "finding",
        "A validation, preflight check or policy finding keeps something from starting. `policy test`: a case failed; `diff`, `replay`: \
         a change; `bench`: growth; `fuzz`: something found.";
    /// The command line or a file named on it is at fault.
    Usage = 2, "usage", "Bad usage, an input file cannot be read, or rsync is missing for a rehearsal.";
    /// A policy is not a component, has another interface, or imports what it may not.
    PolicyLoad = 3, "policy-load", "A policy does not load or link, cannot be built, or does not match its digest; a registry does not have it.";
    /// Kubernetes does not answer, or does not let us.
    Cluster = 4, "unavailable",
        "The cluster cannot be used: kubeconfig, unreachable, forbidden. `policy test`: there are no cases, or \
         they cover too little; `fuzz`: no generated settings accepted.";
    /// A policy trapped, went over a limit, or said that it cannot decide.
    PolicyFault = 5, "policy-fault", "A policy faulted or could not decide; nothing that depends on it was started.";
    /// A group runs again on its old volumes.
    RolledBack = 6, "rolled-back", "A group was rolled back: its workloads run again on the old volumes.";
    /// A group stands still on its way, or does not come up at its end.
    NeedsPerson = 7, "needs-person",
        "A group needs attention: it is held, blocked on its way, or migrated and not Ready again. No data is lost.";
    /// The user ended the run early.
    Interrupted = 130, "interrupted", "Interrupted. Run the same command again to continue.";
}

/// From least to most grave.
///
/// A run that stands still outranks everything, because workloads may be down until somebody looks. Next come the ends
/// that leave a group half-way (the cluster lost, an interrupt), then those that leave all workloads running. The codes
/// of bad input end a command before it starts anything, so they meet no other; they rank above a mere finding.
const GRAVITY: [Exit; 9] = [
    Exit::Done,
    Exit::Finding,
    Exit::Usage,
    Exit::PolicyLoad,
    Exit::PolicyFault,
    Exit::RolledBack,
    Exit::Interrupted,
    Exit::Cluster,
    Exit::NeedsPerson,
];

impl Exit {
    /// Returns the graver of the two.
    #[must_use]
    pub fn or_graver(self, other: Self) -> Self {
        if self.gravity() < other.gravity() { other } else { self }
    }

    fn gravity(self) -> usize {
        GRAVITY.iter().position(|exit| *exit == self).unwrap_or(GRAVITY.len())
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Returns the table as it stands in the README.
pub fn table_markdown() -> String {
    let mut table = "| code | meaning |\n|---|---|\n".to_owned();
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {} | {} |", exit.code(), exit.means());
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_words_are_unique() {
        let codes: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        let words: BTreeSet<&str> = Exit::ALL.iter().map(|exit| exit.as_str()).collect();
        assert_eq!((codes.len(), words.len()), (Exit::ALL.len(), Exit::ALL.len()));
    }

    #[test]
    fn every_exit_has_its_gravity() {
        for exit in Exit::ALL {
            assert!(exit.gravity() < GRAVITY.len(), "{exit:?}");
        }
    }

    #[test]
    fn a_group_that_needs_a_person_is_what_a_run_reports() {
        let of_run = |exits: &[Exit]| exits.iter().copied().fold(Exit::Done, Exit::or_graver);
        assert_eq!(of_run(&[Exit::RolledBack, Exit::NeedsPerson, Exit::Done]), Exit::NeedsPerson);
        assert_eq!(of_run(&[Exit::Finding, Exit::Done, Exit::RolledBack]), Exit::RolledBack);
        assert_eq!(of_run(&[Exit::Interrupted, Exit::RolledBack]), Exit::Interrupted);
        assert_eq!(of_run(&[]), Exit::Done);
    }

    #[test]
    fn the_table() {
        insta::assert_snapshot!(table_markdown());
    }
}
