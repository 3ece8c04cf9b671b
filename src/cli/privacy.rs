//! The flags that say what of a session is kept.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::exit::Usage;
use crate::analysis::near::nearest;
use crate::session::Privacy;
use crate::session::privacy::{AddressKey, Addresses, Extra, NotDroppable, all_droppable, droppable};

/// Where the key of the hashes is, unless a file holds it.
const KEY_VARIABLE: &str = "SESSION_RISK_IP_KEY";

/// What of a session is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Privacy")]
pub(super) struct PrivacyArgs {
    /// What becomes of addresses; the key of the hashes comes from SESSION_RISK_IP_KEY
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Ip::Keep)]
    ip: Ip,
    /// A file that holds the key of the hashes
    #[arg(long, value_name = "FILE")]
    ip_key_file: Option<PathBuf>,
    /// Leave an attribute out: its column stays, all null; several with commas between them
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse_attribute)]
    drop_attribute: Vec<&'static str>,
    /// What becomes of unknown attributes and of values of an unexpected type
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Unknown::Keep)]
    extra: Unknown,
}

/// What becomes of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ip {
    /// They stay as they come
    Keep,
    /// IPv4 to its /24, IPv6 to its /48
    Truncate,
    /// A keyed hash: the same address is the same text, and the address cannot be had from it
    Hash,
}

/// What becomes of what has no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unknown {
    /// It stands in the column extra
    Keep,
    /// It is left out
    Drop,
}

impl PrivacyArgs {
    /// What they come to, key included.
    pub(super) fn privacy(&self) -> anyhow::Result<Arc<Privacy>> {
        let Self { ip, ip_key_file, drop_attribute, extra } = self;
        if ip_key_file.is_some() && *ip != Ip::Hash {
            return Err(Usage("--ip-key-file is of no use without --ip hash".to_owned()).into());
        }
        let addresses = match ip {
            Ip::Keep => Addresses::Keep,
            Ip::Truncate => Addresses::Truncate,
            Ip::Hash => Addresses::Hash(key(ip_key_file.as_ref())?),
        };
        let extra = match extra {
            Unknown::Keep => Extra::Keep,
            Unknown::Drop => Extra::Drop,
        };
        Ok(Arc::new(Privacy::new(addresses, extra, drop_attribute.iter().copied().collect())))
    }
}

fn key(file: Option<&PathBuf>) -> Result<AddressKey, Usage> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("the key file {} cannot be read ({error})", path.display())))?,
        None => std::env::var(KEY_VARIABLE).map_err(|_missing| {
            Usage(format!(
                "--ip hash needs a key; set {KEY_VARIABLE} or name a file that holds it with --ip-key-file"
            ))
        })?,
    };
    AddressKey::new(&text).map_err(|error| Usage(error.to_string()))
}

fn parse_attribute(name: &str) -> Result<&'static str, String> {
    droppable(name).map_err(|why| match why {
        NotDroppable::Needed => {
            "a lake finds, dates and forgets its sessions by it, so it has to stay".to_owned()
        }
        NotDroppable::Unknown => {
            let known: Vec<&str> = all_droppable().collect();
            let near = nearest(&name.replace('-', "_"), known.iter().copied());
            match near {
                Some(near) => format!("there is no such attribute; did you mean {near}?"),
                None => format!("there is no such attribute; there are {}", known.join(", ")),
            }
        }
    })
}
