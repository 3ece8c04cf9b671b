//! One inquiry session: its attributes' names, its Arrow schema, and the way from JSON bytes to a record batch.
//!
//! Must not know where the bytes came from nor where the rows go.

pub mod schema;
