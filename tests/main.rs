//! The one integration binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod analysis;
mod architecture;
mod bad_api;
mod bad_input;
mod bad_pages;
mod bad_query;
mod browser;
mod data_samples;
mod decode;
mod duckdb;
mod export;
mod faults;
mod formats;
mod harness;
mod import;
mod interruption;
mod kills;
mod lake_files;
mod merge;
mod nightly;
mod query;
mod readers;
mod readme;
mod report;
mod report_schema;
mod sample;
mod sample_lake;
mod sandbox;
mod scripted;
mod secrets;
mod simulation;
mod small_lake;
mod status;
mod truth;
