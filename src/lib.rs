//! session-risk: risk analytics over identity-verification sessions.
pub mod range;
pub mod sandbox;
pub mod session;

/// The command line.
pub mod cli {
    pub mod duration;
    pub mod sandbox;
}
