//! One inquiry session: its attributes' names, its Arrow schema, what of it is kept, and the way from JSON bytes to a
//! record batch.
//!
//! Must not know where the bytes came from nor where the rows go.

mod columns;
pub mod decode;
mod extra;
mod names;
pub mod privacy;
mod resource;
pub mod schema;

pub use decode::{DecodeError, Decoded, Decoder, PageFacts, Quarantined, Seen};
pub use privacy::Privacy;
