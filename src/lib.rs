//! session-risk: risk analytics over identity-verification sessions.
pub mod analysis;
pub mod cli;
pub mod range;
pub mod report;
pub mod session;
