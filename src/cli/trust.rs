//! `--trust` and `[[trusted_network]]`: which networks are trusted, and whether the lake's addresses can tell.
//!
//! Must not know which sessions these are, nor what a report makes of the others.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::exit::Usage;
use super::report::ReportOptions;
use crate::analysis::trusted::{self, Network, NetworkError, Trusted};
use crate::session::privacy::Mode;

/// What a trusted network is called in the settings file: `[[trusted_network]]`.
pub const ENTRY: &str = "trusted_network";

/// The flags of trusted networks.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// Keep the sessions of these addresses out of the reports on velocity and sharing: '192.0.2.0/24 Head office',
    /// '192.0.2.7 Test phone until 2026-12-31'; repeatable
    #[arg(long, value_name = "NETWORK LABEL", value_parser = parse_network, help_heading = "Queries")]
    pub trust: Vec<Network>,

    /// Those of the settings file.
    #[arg(skip)]
    pub settings: Vec<Entry>,

    /// The settings file, where it was named.
    #[arg(skip)]
    pub file: Option<PathBuf>,
}

/// A trusted network of the settings file.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Entry(Network);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    network: String,
    label: String,
    expires: Option<String>,
}

impl TryFrom<Fields> for Entry {
    type Error = NetworkError;

    fn try_from(fields: Fields) -> Result<Self, NetworkError> {
        let Fields { network, label, expires } = fields;
        Network::new(&network, &label, expires.as_deref()).map(Self)
    }
}

fn parse_network(text: &str) -> Result<Network, NetworkError> {
    text.parse()
}

impl TrustArgs {
    /// The settings' networks, then the flags'. A flag's takes the place of the same one in the settings.
    ///
    /// # Errors
    /// [`NetworkError::Twice`] for one that is there twice.
    pub(super) fn networks(self) -> Result<Vec<Network>, NetworkError> {
        let of_settings: Vec<Network> = self.settings.into_iter().map(|Entry(network)| network).collect();
        Network::once_each(&of_settings)?;
        Network::once_each(&self.trust)?;
        let is_new = |network: &Network| !self.trust.iter().any(|of_flag| of_flag.is_same(network));
        let mut networks: Vec<Network> = of_settings.into_iter().filter(is_new).collect();
        networks.extend(self.trust);
        Ok(networks)
    }

    /// The flags by which another command trusts the same networks.
    pub(super) fn flags(&self) -> Vec<String> {
        let file = self.file.iter().filter(|_| !self.settings.is_empty());
        let file = file.flat_map(|file| ["--config".to_owned(), file.display().to_string()]);
        let networks = self.trust.iter().flat_map(|network| ["--trust".to_owned(), network.to_string()]);
        file.chain(networks).collect()
    }
}

/// The networks that the reports are to leave out, of a lake that keeps this of its sessions: none where none of them
/// leaves any out.
///
/// # Errors
/// [`Usage`] if the lake's addresses cannot tell one of them.
pub(super) fn trusted(options: &ReportOptions, mode: &Mode) -> Result<Trusted, Usage> {
    let Some(query) = options.queries.iter().find(|query| query.header.without_trusted) else {
        return Ok(Trusted::default());
    };
    trusted::check(&options.trusted, mode).map_err(|untold| {
        Usage(format!(
            "the report `{}` cannot leave the trusted networks out: {untold}; trust none of them, or ask for reports \
             that count every session",
            query.name
        ))
    })?;
    Ok(Trusted::new(options.trusted.clone()))
}
