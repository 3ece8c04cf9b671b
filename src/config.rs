//! Settings: flags over environment (`SESSION_RISK_<FLAG>`) over the settings file over defaults.
//!
//! The file and the environment become the flags' own defaults, so that one parser reads them all and `--help`
//! shows what is in force. What comes several times, each with fields of its own, stands in the file as `[[name]]`
//! and is read by whoever knows the name. Must not know what any setting means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Command;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// The settings file that is read where it exists and no other is named.
pub const DEFAULT_FILE: &str = "session-risk.toml";

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file cannot be read.
    #[error("the settings file {} cannot be read ({cause})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not TOML.
    #[error("the settings file {} is not valid TOML: {message} (line {line})", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A name that no flag has.
    #[error("the settings file {} has a setting {name:?} that does not exist; settings are named like the flags, see --help", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A list, a table or a date where a flag wants a word or a number.
    #[error("the settings file {}: {name} must be a text, a number or true/false, not {kind}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// Something else where there should be `[[name]]`.
    #[error("the settings file {}: {name} is written [[{name}]], with its own lines below, once for each", path.display())]
    NoEntries {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// One of several `[[name]]` that cannot be understood.
    #[error("the settings file {}: [[{name}]] number {nth}: {message}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// Which of them, from 1.
        nth: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// A settings file's settings.
#[derive(Debug, Default)]
pub struct Settings {
    path: PathBuf,
    values: BTreeMap<String, String>,
    entries: BTreeMap<String, Vec<Table>>,
}

impl Settings {
    /// Reads the named file, or the default one where there is one. `several` are the names of what may stand in it as
    /// `[[name]]`.
    ///
    /// # Errors
    /// [`ConfigError`] if a named file is missing or a file is not a TOML table of settings, flat but for these.
    pub fn load(named: Option<&Path>, several: &[&str]) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(cause) => return Err(ConfigError::Unreadable { path, cause }),
        };
        Self::parse(path, &text, several)
    }

    fn parse(path: PathBuf, text: &str, several: &[&str]) -> Result<Self, ConfigError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            ConfigError::Syntax { path: path.clone(), line, message }
        })?;
        let mut values = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for (name, value) in table {
            let value = match value {
                value if several.contains(&name.as_str()) => {
                    let Some(tables) = tables(value) else {
                        return Err(ConfigError::NoEntries { path, name });
                    };
                    entries.insert(name, tables);
                    continue;
                }
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(truth) => truth.to_string(),
                other => return Err(ConfigError::Kind { path, name, kind: other.type_str() }),
            };
            values.insert(name, value);
        }
        Ok(Self { path, values, entries })
    }

    /// What stands in the file as `[[name]]`, in its order. A date without quotes reads as the text that it is.
    ///
    /// # Errors
    /// [`ConfigError::Entry`] for the first one that is no `T`.
    pub fn entries<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, ConfigError> {
        let entries = self.entries.get(name).into_iter().flatten();
        let read = |(nth, entry): (usize, &Table)| {
            entry.clone().try_into().map_err(|error| ConfigError::Entry {
                path: self.path.clone(),
                name: name.to_owned(),
                nth,
                message: error.message().lines().collect::<Vec<_>>().join(", "),
            })
        };
        (1..).zip(entries).map(read).collect()
    }

    /// Puts the environment's names and the file's values under the flags of all subcommands.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] for a setting that no flag bears.
    pub fn lay_under(&self, command: Command) -> Result<Command, ConfigError> {
        let known = |name: &str| {
            let has = |command: &Command| command.get_arguments().any(|arg| arg.get_long() == Some(name));
            name != "config" && (has(&command) || command.get_subcommands().any(has))
        };
        if let Some(name) = self.values.keys().find(|name| !known(name)) {
            return Err(ConfigError::Unknown { path: self.path.clone(), name: name.clone() });
        }
        let under = |command: Command| command.mut_args(|arg| self.under(arg));
        Ok(under(command).mut_subcommands(under))
    }

    fn under(&self, arg: clap::Arg) -> clap::Arg {
        let Some(name) = arg.get_long().map(str::to_owned) else { return arg };
        if ["help", "version"].contains(&name.as_str()) {
            return arg;
        }
        let variable = format!("SESSION_RISK_{}", name.replace('-', "_").to_uppercase());
        let arg = arg.env(variable).hide_env(true);
        match self.values.get(&name) {
            Some(value) => arg.default_value(value.clone()),
            None => arg,
        }
    }
}

/// The tables of an array that holds nothing else, their dates as text.
fn tables(value: Value) -> Option<Vec<Table>> {
    let Value::Array(array) = value else { return None };
    let text = |(field, value): (String, Value)| match value {
        Value::Datetime(moment) => (field, Value::String(moment.to_string())),
        other => (field, other),
    };
    let table = |value: Value| match value {
        Value::Table(table) => Some(table.into_iter().map(text).collect()),
        _ => None,
    };
    array.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fruit {
        sort: String,
        ripe: Option<jiff::civil::Date>,
    }

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse("session-risk.toml".into(), text, &["fruit"])
    }

    fn fruits(text: &str) -> Result<Vec<Fruit>, String> {
        parse(text).and_then(|settings| settings.entries("fruit")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_is_not_toml_is_told_with_its_line() {
        let error = parse("lake = \"a\"\nreserve = = 3\n").unwrap_err().to_string();
        assert!(error.contains("session-risk.toml") && error.contains("line 2"), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_setting_that_no_flag_bears_is_refused_by_name() {
        let command =
            Command::new("x").subcommand(Command::new("y").arg(clap::Arg::new("lake").long("lake")));
        let error = parse("lakes = \"a\"").unwrap().lay_under(command).unwrap_err().to_string();
        assert!(error.contains("\"lakes\""), "{error}");
    }

    #[test]
    fn what_comes_several_times_is_read_in_its_order_beside_the_flat_settings() {
        let text = "lake = \"a\"\n[[fruit]]\nsort = \"pear\"\nripe = 2026-09-01\n[[fruit]]\nsort = \"fig\"\nripe = \"2026-08-02\"\n[[fruit]]\nsort = \"sloe\"\n";
        let fruit = |sort: &str, ripe: Option<&str>| Fruit {
            sort: sort.to_owned(),
            ripe: ripe.map(|date| date.parse().unwrap()),
        };
        let expected =
            vec![fruit("pear", Some("2026-09-01")), fruit("fig", Some("2026-08-02")), fruit("sloe", None)];
        assert_eq!(fruits(text), Ok(expected));
        assert_eq!(parse(text).unwrap().values["lake"], "a");
        assert_eq!(fruits("lake = \"a\""), Ok(Vec::new()));
    }

    #[test]
    fn an_entry_that_is_none_is_told_by_its_number_and_field() {
        for (text, said) in [
            ("[[fruit]]\nsort = \"fig\"\n[[fruit]]\nripe = 2026-09-01\n", ["number 2", "`sort`"]),
            ("[[fruit]]\nsort = \"fig\"\ncolour = 3\n", ["number 1", "`colour`"]),
            ("[[fruit]]\nsort = \"fig\"\nripe = \"soon\"\n", ["number 1", "year"]),
            ("[fruit]\nsort = \"fig\"\n", ["fruit is written [[fruit]]", "once for each"]),
            ("fruit = \"fig\"\n", ["fruit is written [[fruit]]", "once for each"]),
            ("[[vegetable]]\nsort = \"leek\"\n", ["vegetable", "array"]),
        ] {
            let error = fruits(text).unwrap_err();
            let whole = error.starts_with("the settings file session-risk.toml") && !error.contains('\n');
            assert!(whole && said.iter().all(|words| error.contains(words)), "{text}: {error}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let command = || Command::new("x").arg(clap::Arg::new("lake").long("lake"));
        let settings = parse("lake = \"from-file\"").unwrap();
        let lake = |args: &[&str]| {
            let matches = settings.lay_under(command()).unwrap().get_matches_from(args);
            matches.get_one::<String>("lake").unwrap().clone()
        };
        assert_eq!(lake(&["x"]), "from-file");
        assert_eq!(lake(&["x", "--lake", "from-flag"]), "from-flag");
    }
}
