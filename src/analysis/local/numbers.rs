//! Numbers in place of a column's values, for queries that only tell these apart.
//!
//! A grouping by ids keeps them in memory, some fifty bytes a session, and compares them byte by byte. Of numbers it
//! takes eight bytes, and a third of the time. A number is a hash of 64 bits whose seed nobody knows beforehand; two ids
//! with the same number would count as one, which among ten million happens in three of a million runs. What is to be
//! shown gets its values back at the end, by one more look at their column. Must not know what is grouped.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use polars::prelude::{
    BooleanChunked, ChunkFull, ChunkFullNull, ChunkTake, Column, DataFrame, DataType, Expr, Field, IdxCa,
    IdxSize, IntoColumn, LazyFrame, NamedFrom, PlHashMap, PlSeedableRandomStateQuality, PolarsError,
    PolarsResult, Schema, Series, StringChunked, StringChunkedBuilder, col,
};

use super::declared;
use crate::analysis::EngineError;

/// The same in all of a run, so that what is equal in two readings is equal here.
static STATE: LazyLock<PlSeedableRandomStateQuality> = LazyLock::new(PlSeedableRandomStateQuality::random);

/// Refuses a column that is not there, or whose values are small already.
pub(super) fn check(columns: &[String]) -> Result<(), EngineError> {
    let declared = declared();
    match columns.iter().find(|column| declared.get(column.as_str()) != Some(&DataType::String)) {
        None => Ok(()),
        Some(column) => {
            let words = format!("the header declares `{column}` as `distinct`, and it is no column of text");
            Err(EngineError::Refused { source: words.into() })
        }
    }
}

/// The number of a value.
pub(super) fn of(value: &str) -> u64 {
    STATE.hash_one(value)
}

/// The column, with numbers in place of its texts and null where it is null.
pub(super) fn instead_of(column: &str) -> Expr {
    let numbers = |values: Column| -> PolarsResult<Column> {
        let numbers: Vec<Option<u64>> = values.str()?.iter().map(|text| text.map(of)).collect();
        Ok(Series::new(values.name().clone(), numbers).into_column())
    };
    col(column).map(numbers, |_, field| Ok(Field::new(field.name().clone(), DataType::UInt64)))
}

/// The columns of an answer with texts where it has numbers in place of them.
///
/// # Errors
/// As [`Coded::of`].
pub(super) fn restored(mut schema: Schema, columns: &[String]) -> PolarsResult<Schema> {
    for column in columns {
        if schema.get(column) == Some(&DataType::UInt64) {
            schema.set_dtype(column, DataType::String);
        }
    }
    let left = schema.iter().find(|(_, found)| !columns.is_empty() && **found == DataType::UInt64);
    left.map_or(Ok(()), |(name, _)| Err(unknown(name)))?;
    Ok(schema)
}

/// An answer in which columns of ids are places among their different texts.
pub(super) struct Coded {
    pub(super) frame: DataFrame,
    /// The texts of these columns, by their names.
    pub(super) texts: Vec<(String, StringChunked)>,
}

impl From<DataFrame> for Coded {
    fn from(frame: DataFrame) -> Self {
        Self { frame, texts: Vec::new() }
    }
}

impl Coded {
    /// Finds the texts of an answer's numbers, which the sessions have.
    ///
    /// # Errors
    /// [`PolarsError`] if the sessions cannot be read, or if numbers stand under a name that is not their column's:
    /// nobody knows whose they are.
    pub(super) fn of(
        mut frame: DataFrame,
        columns: &[String],
        sessions: impl Fn() -> PolarsResult<LazyFrame>,
    ) -> PolarsResult<Self> {
        restored(frame.schema().as_ref().clone(), columns)?;
        let mut coded = Vec::new();
        for column in columns {
            let numbers = match frame.column(column) {
                Ok(found) if *found.dtype() == DataType::UInt64 => found.u64()?.clone(),
                _ => continue,
            };
            let mut places: PlHashMap<u64, IdxSize> = PlHashMap::default();
            let place = |number: Option<u64>| {
                let next = places.len() as IdxSize;
                number.map(|number| *places.entry(number).or_insert(next))
            };
            let of_rows: IdxCa = numbers.iter().map(place).collect();
            coded.push((column.clone(), texts(column, places, sessions()?)?));
            frame.replace(column, of_rows.with_name(column.as_str().into()).into_column())?;
        }
        Ok(Self { frame, texts: coded })
    }

    /// The answer with a text in each row.
    pub(super) fn in_full(self) -> PolarsResult<DataFrame> {
        let Self { mut frame, texts } = self;
        for (column, texts) in texts {
            let texts = texts.take(frame.column(&column)?.idx()?)?;
            frame.replace(&column, texts.into_column())?;
        }
        Ok(frame)
    }
}

/// The text of each number, at the number's place.
fn texts(column: &str, places: PlHashMap<u64, IdxSize>, sessions: LazyFrame) -> PolarsResult<StringChunked> {
    let taken: Vec<AtomicBool> = places.iter().map(|_| AtomicBool::new(false)).collect();
    let search = Arc::new(Search { places, taken, found: Mutex::default() });
    let shared = Arc::clone(&search);
    let look = move |texts: Column| -> PolarsResult<Column> {
        shared.look_at(texts.str()?);
        Ok(BooleanChunked::full(texts.name().clone(), false, texts.len()).into_column())
    };
    let boolean = |_: &Schema, field: &Field| Ok(Field::new(field.name().clone(), DataType::Boolean));
    // What is found is the search's; the engine is left with one value. Of a filter it would ask twice.
    let looked = sessions.select([col(column).map(look, boolean).any(true)]);
    looked.collect_with_engine(polars::prelude::Engine::Streaming)?;
    search.texts(column)
}

/// What is looked for among the texts of a column, and what was found of it.
struct Search {
    /// Each number, and the place of its text.
    places: PlHashMap<u64, IdxSize>,
    /// By place, whether the text was found.
    taken: Vec<AtomicBool>,
    /// The texts of each batch that had any which no other had before, with their places.
    found: Mutex<Vec<(Vec<IdxSize>, StringChunked)>>,
}

impl Search {
    fn look_at(&self, texts: &StringChunked) {
        let mut places = Vec::new();
        let mut copied = StringChunkedBuilder::new(texts.name().clone(), 0);
        for text in texts.iter().flatten() {
            if let Some(place) = self.places.get(&of(text))
                && !self.taken[*place as usize].swap(true, Ordering::Relaxed)
            {
                places.push(*place);
                copied.append_value(text);
            }
        }
        if !places.is_empty() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push((places, copied.finish()));
        }
    }

    fn texts(&self, column: &str) -> PolarsResult<StringChunked> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let mut order: Vec<Option<IdxSize>> = vec![None; self.places.len()];
        let mut all = StringChunked::full_null(column.into(), 0);
        for (places, texts) in found {
            for (place, at) in places.into_iter().zip(all.len() as IdxSize..) {
                order[place as usize] = Some(at);
            }
            all.append_owned(texts)?;
        }
        if order.contains(&None) {
            let words = format!("a value of `{column}` was not there when it was looked for again");
            return Err(PolarsError::ComputeError(words.into()));
        }
        all.rechunk().take(&order.into_iter().collect::<IdxCa>())
    }
}

fn unknown(column: &str) -> PolarsError {
    let words = format!(
        "`{column}` shows what the header declares as `distinct` under another name: give it the name of its column"
    );
    PolarsError::InvalidOperation(words.into())
}
