//! One inquiry session: its attributes' names, its Arrow schema, and the way from JSON bytes to a record batch.
//!
//! Must not know where the bytes came from nor where the rows go.

mod columns;
pub mod decode;
mod names;
mod resource;
pub mod schema;

pub use decode::{DecodeError, Decoded, Decoder, PageFacts, Quarantined, Seen};
