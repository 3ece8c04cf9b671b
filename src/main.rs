//! The binary: everything is in the library, but for how memory is asked of the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    give_memory_back();
    session_risk::cli::main(std::env::args_os())
}

/// glibc raises the size from which it asks the system for memory, and gives it back at once, with each such buffer that
/// is freed. Buffers of pages and row groups then lie among small ones in the heaps of several threads, and the peak of
/// an export grew with its days: 71 MB over ten, 84 MB over a hundred. With a size that stays as it begins it is 59 and
/// 62, and reports take up to a third less, all in the same time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no safe call for it")]
fn give_memory_back() {
    // SAFETY: sets a number of the allocator's, in a process that has one thread yet. Refused, it changes nothing.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
