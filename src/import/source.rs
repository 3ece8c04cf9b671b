//! Files, gzipped or not, cut into blocks that can be decoded on their own.
//!
//! Knows where a JSON value ends, and nothing of what it says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::Source;

/// Bytes that are read at a time, and so about the size of a block of lines.
const BLOCK: usize = 2 << 20;
/// The largest JSON value: a thousand times an ordinary page.
const LARGEST: usize = 128 << 20;

/// An input that could not be read as sessions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system did not give it.
    #[error("{input} cannot be read")]
    Unreadable {
        /// Which.
        input: Source,
        /// What the system said.
        source: io::Error,
    },
    /// A gzip stream that ends early or is damaged.
    #[error("{input} is no whole gzip file: it was cut off or is damaged")]
    Gzip {
        /// Which.
        input: Source,
        /// What the decompressor said.
        source: io::Error,
    },
    /// No JSON value in it.
    #[error("{input} is empty: there is no session in it")]
    Empty {
        /// Which.
        input: Source,
    },
    /// Something other than JSON.
    #[error("{input} is not JSON of sessions: see line {line}, column {column}")]
    NotJson {
        /// Which.
        input: Source,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
    },
    /// Text in another encoding than JSON's.
    #[error("{input} is not text in UTF-8: see line {line}")]
    NotText {
        /// Which.
        input: Source,
        /// The line, from 1.
        line: u64,
    },
    /// The end came within a value.
    #[error("{input} ends in the middle of the JSON value that begins on line {line}: it was cut off")]
    CutOff {
        /// Which.
        input: Source,
        /// The line, from 1.
        line: u64,
    },
    /// A value that does not fit into memory's bounds.
    #[error(
        "{input} holds a JSON value of more than {} MB, which begins on line {line}; give a session or a page a line", LARGEST >> 20
    )]
    TooLarge {
        /// Which.
        input: Source,
        /// The line, from 1.
        line: u64,
    },
}

/// Whole JSON values of one input.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Whether each line is a value of its own; else the block is one value.
    pub(super) by_line: bool,
}

/// Buffers of blocks that were decoded, for those to come: the system takes its time over each new one.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a block's buffer back.
    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        // One of an unusual size would keep its memory.
        if buffer.capacity() <= 2 * BLOCK {
            buffer.clear();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}

/// One input's blocks, one after another.
pub(super) struct Blocks {
    input: Source,
    reader: Box<dyn BufRead + Send>,
    is_gzip: bool,
    /// What was read and not yet handed out.
    buffer: Vec<u8>,
    spare: Arc<Spare>,
    at_end: bool,
    line: u64,
    by_line: Option<bool>,
}

impl Blocks {
    /// Opens an input; `read` counts its bytes as they are read.
    pub(super) fn open(input: &Source, read: Arc<AtomicU64>, spare: Arc<Spare>) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::Unreadable { input: input.clone(), source };
        let raw: Box<dyn Read + Send> = match input {
            Source::File(path) => Box::new(File::open(path).map_err(unreadable)?),
            Source::Standard => Box::new(io::stdin()),
        };
        let mut reader = BufReader::with_capacity(1 << 20, Counted { inner: raw, read });
        // Both bytes of the mark come with the first read, unless a pipe gives them one by one: then it is no file.
        let is_gzip = reader.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> =
            if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) };
        Ok(Self {
            input: input.clone(),
            reader,
            is_gzip,
            buffer: Vec::new(),
            spare,
            at_end: false,
            line: 1,
            by_line: None,
        })
    }

    /// The next block; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Block>, ReadError> {
        let by_line = match self.by_line {
            Some(by_line) => by_line,
            None => self.sniff()?,
        };
        if by_line { self.next_lines() } else { self.next_value() }
    }

    /// Whether the first line that says anything is a whole value, and so every line is to be one.
    fn sniff(&mut self) -> Result<bool, ReadError> {
        self.fill()?;
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        self.skip_blank()?;
        if self.buffer.is_empty() {
            return Err(ReadError::Empty { input: self.input.clone() });
        }
        let end = self.buffer.iter().position(|byte| *byte == b'\n').unwrap_or(self.buffer.len());
        let by_line = serde_json::from_slice::<IgnoredAny>(&self.buffer[..end]).is_ok();
        self.by_line = Some(by_line);
        Ok(by_line)
    }

    fn next_lines(&mut self) -> Result<Option<Block>, ReadError> {
        let end = loop {
            match self.buffer.iter().rposition(|byte| *byte == b'\n') {
                Some(newline) if self.buffer.len() >= BLOCK || self.at_end => break newline + 1,
                None if self.buffer.len() > LARGEST => {
                    return Err(ReadError::TooLarge { input: self.input.clone(), line: self.line });
                }
                _ if self.at_end => break self.buffer.len(),
                _ => self.fill()?,
            }
        };
        if end == 0 {
            return Ok(None);
        }
        Ok(Some(self.take(end, true)))
    }

    fn next_value(&mut self) -> Result<Option<Block>, ReadError> {
        self.skip_blank()?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let mut value = Nesting::default();
        let mut seen = 0;
        loop {
            if let Some(length) = value.end(&self.buffer[seen..]) {
                return Ok(Some(self.take(seen + length, false)));
            }
            seen = self.buffer.len();
            let (input, line) = (self.input.clone(), self.line);
            if !matches!(self.buffer[0], b'{' | b'[') {
                return Err(ReadError::NotJson { input, line, column: 1 });
            }
            if self.at_end {
                return Err(ReadError::CutOff { input, line });
            }
            if seen > LARGEST {
                return Err(ReadError::TooLarge { input, line });
            }
            self.fill()?;
        }
    }

    /// Hands out the buffer's first bytes.
    fn take(&mut self, end: usize, by_line: bool) -> Block {
        let mut rest = self.spare.take();
        rest.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let block = Block { line: self.line, by_line, bytes };
        self.line += newlines(&block.bytes);
        block
    }

    fn skip_blank(&mut self) -> Result<(), ReadError> {
        loop {
            let blank = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.line += newlines(&self.buffer[..blank]);
            self.buffer.drain(..blank);
            if !self.buffer.is_empty() || self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads more, unless there is no more.
    fn fill(&mut self) -> Result<(), ReadError> {
        let before = self.buffer.len();
        let read = self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut self.buffer);
        read.map_err(|source| {
            let input = self.input.clone();
            if self.is_gzip {
                ReadError::Gzip { input, source }
            } else {
                ReadError::Unreadable { input, source }
            }
        })?;
        self.at_end = self.buffer.len() < before + BLOCK;
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// How deep within a JSON value a reader is.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Nesting {
    /// Goes over some more bytes; gives the place after the value's last byte, if it is among them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// A reader that counts what went through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
