//! Persona's API: the requests, their pace, their retries and what a page says.
//!
//! The only room that knows HTTP. It hands out page bodies and cursors and must not know what a session is made
//! of nor where its rows go.

pub mod client;
mod error;
mod key;
pub mod pacing;
pub mod page;
pub mod retry;
mod seek;

pub use client::{Allowance, Client, ClientOptions, Counters, Probe};
pub use error::Error;
pub use key::{ApiKey, BaseUrl, BaseUrlError, KeyError};
pub use page::{Cursor, Page, Place};
pub use seek::{Inquiries, Inquiry};

/// The API's address when none is given: the server of Persona's OpenAPI description.
pub const DEFAULT_BASE_URL: &str = "https://api.withpersona.com/api/v1";

/// The API version asked for when none is given (OpenAPI description, `persona-version-header`).
pub const DEFAULT_VERSION: &str = "2025-12-08";

/// Rows asked for a page: the most that the API gives (docs.withpersona.com/pagination).
pub const PAGE_SIZE: u32 = 100;
