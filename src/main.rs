//! The binary: everything is in the library, but for how memory is asked of the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory_at_hand();
    session_risk::cli::main(std::env::args_os())
}

/// By itself glibc raises the size from which it asks the system for a buffer, and gives it back at once, with each such
/// buffer that is freed, and the peak of an export then grows with its days. Where that size stays at the 128 kB that it
/// begins with, all reports over 10,000,000 sessions spend 33 s of their CPU time in the kernel, and take 68 s; with 1 MB
/// it is 10 s of 56. Larger sizes are faster still, by a tenth, and up to a third more memory lies about. So it does in
/// the heaps of many threads: with glibc's eight a core the peak of these reports is 2.3 GB, with two a core (and four at
/// least) 1.7 to 1.9.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no safe call for it")]
fn keep_memory_at_hand() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = i32::try_from(2 * cores).unwrap_or(i32::MAX).max(4);
    // SAFETY: sets two numbers of the allocator's, in a process that has one thread yet. Refused, they change nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory_at_hand() {}
