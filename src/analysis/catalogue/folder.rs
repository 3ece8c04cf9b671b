//! A user's own folder of query files, added to the built-in ones.
//!
//! Every file is read and checked when the folder is, so that a mistake in one is told with its place before any
//! slow work, whichever report was asked for.

use std::io;
use std::path::{Path, PathBuf};

use super::{AD_HOC, Catalogue, Query};
use crate::analysis::bind::{self, Arguments, BindError};
use crate::analysis::detail;
use crate::analysis::header::HeaderError;
use crate::range::DayRange;

/// A folder of queries that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// No folder, or one that cannot be listed.
    #[error("the queries folder {} cannot be read", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A folder with nothing in it that could be a query.
    #[error("the queries folder {} holds no .sql file", .0.display())]
    Empty(PathBuf),
    /// A file whose name no report can have.
    #[error(
        "the query file {} needs another name: small letters, digits and underscores, as in odd_hours.sql, and not {AD_HOC}.sql",
        .0.display()
    )]
    Name(PathBuf),
    /// A file that cannot be read, or is no text.
    #[error("the query file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A header that cannot be understood.
    #[error("a query file has a header that cannot be understood")]
    Header(#[from] HeaderError),
    /// SQL that is not one SELECT, or with a placeholder that nobody declared.
    #[error("the query file {} cannot be used", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: BindError,
    },
}

impl Catalogue {
    /// Adds the `.sql` files of a folder, by name. One with the name of a built-in query takes that one's place.
    ///
    /// # Errors
    /// [`FolderError`], which names the file and what is wrong with it.
    pub fn add_folder(&mut self, path: &Path) -> Result<(), FolderError> {
        let files = files(path).map_err(|source| FolderError::Folder { path: path.to_owned(), source })?;
        if files.is_empty() {
            return Err(FolderError::Empty(path.to_owned()));
        }
        for file in files {
            self.add(read(file)?);
        }
        Ok(())
    }
}

/// The folder's `.sql` files in order; hidden ones, as editors leave them, are none.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|ending| ending == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: PathBuf) -> Result<Query, FolderError> {
    let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_name(name));
    let Some(name) = name else { return Err(FolderError::Name(path)) };
    let sql = std::fs::read_to_string(&path);
    let sql = sql.map_err(|source| FolderError::File { path: path.clone(), source })?;
    // A byte order mark is no part of the text.
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(&sql);
    let query = Query::parse(name, &path.display().to_string(), sql)?;
    check(&query).map_err(|source| FolderError::Sql { path: path.clone(), source })?;
    Ok(Query { file: Some(path), ..query })
}

/// Whether a report can be called so: by its name as a file, a word in JSON and on a command line.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name != AD_HOC && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain)
}

fn check(query: &Query) -> Result<(), BindError> {
    bind::one_select(&query.sql)?;
    // Any range will do: only the placeholders are looked at.
    let any = DayRange::ending(jiff::civil::date(2000, 1, 1), 1);
    bind::bind(&query.sql, &query.header, any, 0, &Arguments::new())?;
    detail::probe(&query.header).map(drop)
}
