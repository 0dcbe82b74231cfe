//! The misbehaviours that are the same in every call.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use pvmigrate_policy_sdk::log;
use pvmigrate_policy_sdk::types::PolicyError;

/// Text that would clear a terminal and forge a line.
pub(crate) const ESCAPES: &str = "\u{1b}[2Jgone\r\nforged\u{9b}31m\u{202e}";

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Counts its calls in memory that a fresh instance does not share.
pub(crate) fn times_called() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Does the named thing; returns when it is none of these.
pub(crate) fn act(deed: &str) -> Result<(), PolicyError> {
    match deed {
        "loop" => loop {
            black_box(());
        },
        "recurse" => {
            black_box(descend(0));
        }
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
            }
        }
        "log-flood" => {
            for _ in 0..1_000 {
                log::write(log::Level::Info, &"flood ".repeat(100), &[]);
            }
        }
        "log-escape" => log::write(log::Level::Warn, ESCAPES, &[(ESCAPES.to_string(), ESCAPES.to_string())]),
        "log-long-line" => log::write(log::Level::Debug, &"x".repeat(5_000), &[]),
        "panic" => {
            let nothing: &[u32] = &[];
            black_box(nothing[black_box(3)]);
        }
        "trap" => trap(),
        "error" => return Err(undecided("declared")),
        "undeclared-error" => return Err(undecided("undeclared")),
        _ => {}
    }
    Ok(())
}

fn undecided(code: &str) -> PolicyError {
    PolicyError { code: code.to_string(), message: "cannot tell".to_string(), volume: None }
}

/// Uses a stack frame and fuel at every level, and cannot be turned into a loop.
#[allow(unconditional_recursion, reason = "that is the deed")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    black_box(descend(depth + 1)) + frame[(depth % 64) as usize]
}

#[cfg(target_arch = "wasm32")]
fn trap() {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {}
