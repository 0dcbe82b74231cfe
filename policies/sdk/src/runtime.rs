//! The parts of a runtime that a guest without `std` brings along.

use alloc::format;
use alloc::vec;
use core::panic::PanicInfo;

use crate::bindings::log;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Tells the host what happened, then stops for good: the host shows these as the policy's last words.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let place = match info.location() {
        Some(at) => format!("{}:{}:{}", at.file(), at.line(), at.column()),
        None => "an unknown place".into(),
    };
    let words = format!("panicked at {place}: {}", info.message());
    log::write(log::Level::Warn, &words, &vec![("pvmigrate.dev/panic".into(), "true".into())]);
    core::arch::wasm32::unreachable()
}
