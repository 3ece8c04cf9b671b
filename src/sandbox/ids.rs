//! Opaque ids and independent streams of chance, both from the seed alone.
//!
//! Owns how one seed becomes many; it knows nothing of what is drawn from them.

use std::fmt;

use fastrand::Rng;

/// What a stream of chance is for. Two purposes never share draws, so that adding one changes no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Inquiry = 1,
    InquiryId,
    Session,
    SessionId,
    Person,
    Ring,
    Device,
    DeviceId,
    NetworkId,
    Key,
    Environment,
    Request,
    Fault,
    Hidden,
    Deletion,
    Blocklist,
    PayloadFilter,
    Oddity,
    Plant,
}

/// The `number`th stream of chance of a purpose.
pub(crate) fn stream(seed: u64, purpose: Purpose, number: u64) -> Rng {
    Rng::with_seed(scramble(scramble(seed ^ scramble(purpose as u64)) ^ number))
}

/// Splitmix64's finaliser: neighbouring numbers must not give neighbouring streams.
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The part of an id behind its prefix.
pub(crate) type Token = [u8; 24];

/// Twenty-four letters and digits.
pub(crate) fn token(seed: u64, purpose: Purpose, number: u64) -> Token {
    let mut rng = stream(seed, purpose, number);
    std::array::from_fn(|_| u8::try_from(rng.alphanumeric()).unwrap_or(b'0'))
}

/// An id such as `iqse_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) prefix: &'static str,
    pub(crate) token: Token,
}

impl Id {
    /// The id without a formatter in between: it is written several times a row.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(&self.token);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        self.token.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

/// The token of an id with this prefix, if it has the right length.
pub(crate) fn parse(id: &str, prefix: &str) -> Option<Token> {
    id.strip_prefix(prefix)?.as_bytes().try_into().ok()
}

pub(crate) const SESSION: &str = "iqse_";
pub(crate) const INQUIRY: &str = "inq_";
pub(crate) const DEVICE: &str = "dev_";
pub(crate) const NETWORK: &str = "net_";
