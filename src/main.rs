//! The binary: everything is in the library, but for how memory is asked of the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory_at_hand();
    session_risk::cli::main(std::env::args_os())
}

/// glibc asks the system for a buffer above a size that it raises by itself, and an export's peak then grows with its days.
/// Fixed at the 128 kB that it begins with, all reports over 10,000,000 sessions take 68 s; at 1 MB 56, and larger sizes
/// leave more memory about. So do many heaps: eight a core, as it has them, make 2.3 GB of these reports' 1.7 to 1.9.
/// A heap's free end is kept up to 4 MB instead of 128 kB: an export then takes a twelfth less CPU time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no safe call for it")]
fn keep_memory_at_hand() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = i32::try_from(2 * cores).unwrap_or(i32::MAX).max(4);
    // SAFETY: sets three numbers of the allocator's, in a process that has one thread yet. Refused, they change nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory_at_hand() {}
