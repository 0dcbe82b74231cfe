//! Which groups run now: pure arithmetic on the copy budget.

/// Returns how many of the waiting groups may start, in order, each given by its number of claims.
///
/// A group's claims are copied together, because they are down together; so a group larger than the whole budget runs
/// alone rather than never. No group overtakes another: what a person saw in the plan is the order that runs.
pub fn admit(waiting: impl IntoIterator<Item = usize>, running: usize, parallel: usize) -> usize {
    let mut busy = running;
    let fits = |claims: &usize| {
        let starts = busy == 0 || busy + *claims <= parallel;
        busy += *claims;
        starts
    };
    waiting.into_iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::admit;

    #[test]
    fn groups_start_while_their_claims_fit() {
        assert_eq!(admit([1, 2, 1, 1], 0, 4), 3);
        assert_eq!(admit([1, 2, 1, 1], 3, 4), 1);
        assert_eq!(admit([1], 4, 4), 0);
    }

    #[test]
    fn a_group_larger_than_the_budget_runs_alone() {
        assert_eq!(admit([9, 1], 0, 4), 1);
        assert_eq!(admit([9, 1], 1, 4), 0);
    }

    #[test]
    fn no_group_overtakes() {
        assert_eq!(admit([3, 1], 2, 4), 0);
    }

    #[test]
    fn something_always_runs() {
        assert_eq!(admit([1, 1], 0, 0), 1);
    }
}
