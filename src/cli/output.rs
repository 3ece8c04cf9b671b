//! `--format` and `--output`: how a page looks and where it goes: standard output, one file, or one file a report.
//!
//! Owns that a file is whole or is not there, and that no terminal is sent what is no text. Must not know what is asked.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::report::ReportOptions;
use crate::report::csv::Csv;
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::mail::Mail;
use crate::report::markdown::Markdown;
use crate::report::parquet::Parquet;
use crate::report::terminal::Terminal;
use crate::report::{Page, Renderer};

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables to read
    Terminal,
    /// One document for other programs, never cut
    Json,
    /// A report's rows for a spreadsheet, never cut; several reports need --output
    Csv,
    /// A report's rows with their types for notebooks and other engines, never cut; several reports need --output
    Parquet,
    /// GitHub's tables, for a pull request
    Markdown,
    /// One page for a browser, with charts; needs no network and no script
    Html,
    /// A digest for mail programs, under 100 kB: one HTML document without charts, a few rows of each report
    Mail,
}

/// A page that cannot go where it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Several reports for one place in a format that holds one: wrong usage.
    #[error(
        "a file of --format {format} holds one report and there are {reports}: name one of them, or a folder with --output"
    )]
    OneAtATime {
        /// The format.
        format: &'static str,
        /// How many reports were asked for.
        reports: usize,
    },
    /// Bytes for a terminal: wrong usage.
    #[error(
        "--format {format} is no text, and standard output is a terminal: send it elsewhere with `> FILE`, or name the file with --output FILE.{format}"
    )]
    NoText {
        /// The format.
        format: &'static str,
    },
    /// The folder for the reports: wrong usage.
    #[error("{} cannot be made the folder for the reports{hint}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is in its place, in words, or nothing.
        hint: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// One of the files.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Standard output.
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
}

impl OutputError {
    /// Whether it is about what was asked for, and not about a disk or a pipe.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::OneAtATime { .. } | Self::NoText { .. } | Self::Folder { .. })
    }
}

/// Where a page goes.
enum Place<'a> {
    Standard,
    File(&'a Path),
    Folder(&'a Path),
}

/// A path that ends as files of the format do is one, unless it is a folder already.
fn place<'a>(options: &'a ReportOptions, renderer: &dyn Renderer) -> Place<'a> {
    let Some(path) = &options.output else { return Place::Standard };
    let ending = renderer.extension().rsplit('.').next();
    let is_file = path.extension().and_then(|ending| ending.to_str()) == ending && !path.is_dir();
    if is_file { Place::File(path) } else { Place::Folder(path) }
}

/// Checks that the place suits the format and makes the folder that it needs: before any slow work.
///
/// # Errors
/// [`OutputError::OneAtATime`], [`OutputError::NoText`] or [`OutputError::Folder`].
pub(super) fn prepare(options: &ReportOptions) -> Result<(), OutputError> {
    let renderer = renderer(options.format, Terminal::default());
    let place = place(options, &*renderer);
    let (format, reports) = (renderer.extension(), options.queries.len());
    if reports != 1 && !renderer.holds_several() && !matches!(place, Place::Folder(_)) {
        return Err(OutputError::OneAtATime { format, reports });
    }
    let folder = match place {
        Place::Standard if options.terminal.is_some() && !renderer.is_text() => {
            return Err(OutputError::NoText { format });
        }
        Place::Standard => None,
        Place::File(path) => path.parent().filter(|folder| !folder.as_os_str().is_empty()),
        Place::Folder(path) => Some(path),
    };
    let Some(path) = folder else { return Ok(()) };
    fs::create_dir_all(path).map_err(|source| {
        let hint = if path.is_file() { ": it is a file" } else { "" };
        OutputError::Folder { path: path.to_owned(), hint, source }
    })
}

/// Whether each report goes to a file of its own, so that none has to wait for the others.
pub(super) fn is_apart(options: &ReportOptions) -> bool {
    matches!(place(options, &*renderer(options.format, Terminal::default())), Place::Folder(_))
}

/// Writes the page to `out`, or to a file, or to one for each of its reports, whose paths go to `out`.
///
/// # Errors
/// [`OutputError::File`] or [`OutputError::Output`]. That nobody reads `out` any more is none.
pub(super) fn write(
    options: &ReportOptions,
    page: &Page<'_>,
    out: &mut dyn Write,
) -> Result<(), OutputError> {
    // A file's reader has another screen than whoever runs the command.
    let of_file = renderer(options.format, Terminal::default());
    match place(options, &*of_file) {
        Place::Standard => {
            let of_screen = renderer(options.format, options.terminal.unwrap_or_default());
            sent(of_screen.render(page, out))
        }
        Place::File(path) => file(path, &*of_file, page, out),
        Place::Folder(folder) => page.answers.iter().try_for_each(|answer| {
            let one = Page { answers: std::slice::from_ref(answer), ..*page };
            let path = folder.join(format!("{}.{}", answer.query.name, of_file.extension()));
            file(&path, &*of_file, &one, out)
        }),
    }
}

fn file(
    path: &Path,
    renderer: &dyn Renderer,
    page: &Page<'_>,
    out: &mut dyn Write,
) -> Result<(), OutputError> {
    let written = replace_by(path, |partial| {
        let mut file = BufWriter::new(File::create(partial)?);
        renderer.render(page, &mut file)?;
        file.flush()
    });
    written.map_err(|source| OutputError::File { path: path.to_owned(), source })?;
    sent(writeln!(out, "{}", path.display()))
}

/// How many rows of a ranking the format shows; none where it shows all or draws them.
pub(super) fn most_rows(options: &ReportOptions) -> Option<usize> {
    match options.format {
        Format::Terminal => Some(options.terminal.unwrap_or_default().rows),
        Format::Markdown => Some(Markdown::default().rows),
        Format::Json | Format::Csv | Format::Parquet | Format::Html | Format::Mail => None,
    }
}

fn renderer(format: Format, terminal: Terminal) -> Box<dyn Renderer> {
    match format {
        Format::Terminal => Box::new(terminal),
        Format::Json => Box::new(Json),
        Format::Csv => Box::new(Csv),
        Format::Parquet => Box::new(Parquet),
        Format::Markdown => Box::new(Markdown::default()),
        Format::Html => Box::new(Html::default()),
        Format::Mail => Box::new(Mail::default()),
    }
}

/// A reader that went away (`| head`) has what it wanted.
pub(super) fn sent(written: io::Result<()>) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(OutputError::Output),
    }
}

/// Puts a whole file in place, so that nobody reads half of one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |partial| fs::write(partial, bytes))
}

/// Puts a file in place once it is written to its end.
pub(super) fn replace_by(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    let partial = path.with_file_name(name);
    let placed = write(&partial).and_then(|()| fs::rename(&partial, path));
    placed.inspect_err(|_| drop(fs::remove_file(&partial)))
}
