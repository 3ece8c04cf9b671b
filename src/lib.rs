//! session-risk: every inquiry session of a Persona environment, exported into a Parquet lake, and reports on
//! their risk.
//!
//! Data flows one way:
//!
//! ```text
//! persona ── page bytes ──▶ session ── record batches ──▶ lake ── Parquet ──▶ analysis ── tables ──▶ report
//!    └──────────────────────── export ─────────────────────┘
//! ```
//! - [`persona`] asks the API: one stream of pages, paced and retried. The only room that knows HTTP clients.
//! - [`session`] turns page bytes into Arrow record batches.
//! - [`lake`] keeps one Parquet file a day, and the records of what was fetched. The only room that knows
//!   `parquet` and `object_store`.
//! - [`export`] decides what to walk and joins the three.
//! - [`import`] brings files in by the same decode and the same publication.
//! - [`analysis`] runs the query catalogue over day files; [`report`] turns its tables into pages.
//! - [`cli`] turns flags into narrow options, [`config`] lays files and environment under them.
//! - [`sandbox`] is a stand-in for the API.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on should stop"))]

pub mod analysis;
pub mod cli;
pub mod config;
pub mod export;
pub mod import;
pub mod lake;
pub mod persona;
pub mod range;
pub mod report;
pub mod sandbox;
pub mod session;
