//! The one integration binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod analysis;
mod architecture;
mod data_samples;
mod duckdb;
mod readme;
mod report;
mod sandbox;
mod small_lake;
