//! The command line (placeholder for this worktree).
pub mod report;
