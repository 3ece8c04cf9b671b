//! session-risk: risk analytics over identity-verification sessions.
pub mod range;
pub mod session;
