//! Runs cases on several threads; results are in order, and the same however many threads there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does every piece of work, or all up to the first one that `ends` says is the last.
pub(crate) fn run<T: Sync, R: Send>(
    work: &[T],
    threads: usize,
    each: impl Fn(&T) -> R + Sync,
    ends: impl Fn(&R) -> bool + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    // Pieces after this one are not started. It only ever moves towards the front, and all before it are done.
    let last = AtomicUsize::new(work.len());
    let done = Mutex::new(Vec::with_capacity(work.len()));
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = work.get(at).filter(|_| at <= last.load(Ordering::Acquire)) else { return };
            let result = each(piece);
            if ends(&result) {
                last.fetch_min(at, Ordering::AcqRel);
            }
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(work.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    let last = last.into_inner();
    // A worker that panicked has made the scope panic, so what the lock holds is whole.
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.retain(|(at, _)| *at <= last);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_once_and_in_order() {
        let work: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 2, 7, 200] {
            assert_eq!(run(&work, threads, |at| at * 2, |_| false), work.iter().map(|at| at * 2).collect::<Vec<_>>());
        }
        assert_eq!(run(&[], 4, |at: &usize| *at, |_| false), Vec::<usize>::new());
    }

    #[test]
    fn the_first_end_is_the_last_result() {
        let work: Vec<usize> = (0..100).collect();
        for threads in [1, 2, 7] {
            let done = run(&work, threads, |at| *at, |at| *at == 40 || *at == 20);
            assert_eq!(done, (0..=20).collect::<Vec<_>>(), "{threads} threads");
        }
    }
}
