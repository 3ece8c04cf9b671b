//! Pages of the two lists: which rows a request gets, how they are written and what the links say.
//!
//! Owns paging; it knows neither keys nor limits. A fault can ask for fewer rows, never for other ones.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use fastrand::Rng;

use super::absence::Absence;
use super::arena::Arena;
use super::json::Style;
use super::listing::{Gap, List, Listing};
use super::query::Query;
use super::render;

/// How often a gap is answered with an empty page in a row, so that even a rate of 1 lets a walk end.
const MOST_EMPTY: u8 = 5;

/// The lists and the rows as they show.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) listing: Listing,
    pub(crate) absence: Absence,
    arena: RwLock<Arc<Arena>>,
    style: Style,
}

/// What a fault does to a page.
#[derive(Debug)]
pub(crate) enum Shorten {
    Short(Rng),
    Empty,
}

/// The rows that a request could walk over: all of a range, or a filter's.
enum Rows {
    All(Range<usize>),
    Picked(Arc<Vec<usize>>, usize),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Picked(picked, _) => picked.len(),
        }
    }

    /// How many rows lie before a gap of the list.
    fn before(&self, gap: Gap) -> usize {
        match self {
            Self::All(range) => gap.at.clamp(range.start, range.end) - range.start,
            Self::Picked(picked, _) => picked.partition_point(|at| *at < gap.at),
        }
    }

    /// The index in the list of the `nth` row; behind the last, where the rows end.
    fn at(&self, nth: usize) -> usize {
        match self {
            Self::All(range) => range.start + nth,
            Self::Picked(picked, end) => picked.get(nth).copied().unwrap_or(*end),
        }
    }
}

impl Pages {
    pub(crate) fn new(listing: Listing, absence: Absence, shown: i64, style: Style) -> Self {
        let arena = RwLock::new(Arc::new(Arena::render(&listing, shown, &style)));
        Self { listing, absence, arena, style }
    }

    /// How rows are written where a request does not say otherwise.
    pub(crate) fn style(&self) -> Style {
        Style { blocked: self.absence.blocked(), ..self.style.clone() }
    }

    /// Each session that a walk over all pages would list at a moment, newest first.
    pub(crate) fn listed(&self, shown: i64) -> Vec<Bytes> {
        let (rows, style) = (self.rows(List::Sessions, &Query::default(), shown), self.style());
        let listed = self.seen(List::Sessions, (0..rows.len()).map(|nth| rows.at(nth)));
        let written = listed.into_iter().map(|at| {
            let mut out = Vec::new();
            self.write(&mut out, List::Sessions, at, shown, &style);
            out.into()
        });
        written.collect()
    }

    /// The rows as they show at a moment; written anew only if the clock was turned past a change.
    fn arena(&self, shown: i64) -> Arc<Arena> {
        {
            let arena = self.arena.read().unwrap_or_else(PoisonError::into_inner);
            if arena.holds_at(shown) {
                return Arc::clone(&arena);
            }
        }
        let mut arena = self.arena.write().unwrap_or_else(PoisonError::into_inner);
        if !arena.holds_at(shown) {
            *arena = Arc::new(Arena::render(&self.listing, shown, &self.style));
        }
        Arc::clone(&arena)
    }

    /// One resource, if it exists at that moment.
    pub(crate) fn single(&self, id: &str, shown: i64, style: &Style) -> Option<Vec<Bytes>> {
        let at = self.listing.find(List::Sessions, id)?;
        let is_there = self.listing.shown(List::Sessions, shown).contains(&at);
        if !is_there || self.is_deleted(at, shown) || self.seen(List::Sessions, [at]).is_empty() {
            return None;
        }
        let mut body = b"{\"data\":".to_vec();
        self.write(&mut body, List::Sessions, at, shown, style);
        body.push(b'}');
        Some(vec![body.into()])
    }

    /// A page, and whether the fault had anything to shorten; nothing if the cursor is unknown.
    pub(crate) fn page(
        &self,
        list: List,
        query: &Query,
        shown: i64,
        style: &Style,
        shorten: Option<Shorten>,
    ) -> Option<(Vec<Bytes>, bool)> {
        let rows = self.rows(list, query, shown);
        let size = query.page_size();
        let (mut page, gap, forward) = match (&query.after, &query.before) {
            (_, Some(before)) => {
                let (gap, _) = self.cursor(list, before, shown)?;
                let end = rows.before(gap);
                (end.saturating_sub(size)..end, Some(gap), false)
            }
            (after, None) => {
                let gap = match after {
                    Some(after) => Some(self.cursor(list, after, shown)?.1),
                    None => None,
                };
                let start = gap.map_or(0, |gap| rows.before(gap));
                (start..rows.len().min(start + size), gap, true)
            }
        };
        let repeat = gap.map_or(0, |gap| gap.repeat);
        let whole = page.len();
        match shorten {
            Some(Shorten::Short(mut rng)) if whole > 1 => {
                let kept = rng.usize(1..whole);
                page = if forward { page.start..page.start + kept } else { page.end - kept..page.end };
            }
            Some(Shorten::Empty) if whole > 0 && repeat < MOST_EMPTY => {
                page = if forward { page.start..page.start } else { page.end..page.end };
            }
            _ => {}
        }

        let mut body = Vec::with_capacity(4);
        body.push(Bytes::from_static(b"{\"data\":["));
        let seen = self.seen(list, page.clone().map(|nth| rows.at(nth)));
        if list == List::Sessions && style.is_plain() {
            let arena = self.arena(shown);
            for (nth, run) in seen.chunk_by(|at, next| at + 1 == *next).enumerate() {
                if nth > 0 {
                    body.push(Bytes::from_static(b","));
                }
                body.extend(arena.rows(run[0]..run[run.len() - 1] + 1));
            }
        } else {
            let mut written = Vec::with_capacity(seen.len() * 1400);
            for (nth, at) in seen.into_iter().enumerate() {
                if nth > 0 {
                    written.push(b',');
                }
                self.write(&mut written, list, at, shown, style);
            }
            body.push(written.into());
        }
        body.push(self.links(list, &rows, &page, repeat));
        Some((body, page.len() < whole))
    }

    /// The end of a page: links that carry the cursor and nothing else.
    fn links(&self, list: List, rows: &Rows, page: &Range<usize>, repeat: u8) -> Bytes {
        let path = match list {
            List::Sessions => "/api/v1/inquiry-sessions",
            List::Inquiries => "/api/v1/inquiries",
        };
        // An empty page has no row to name; a hidden one stands for its place.
        let cursor = |nth: usize| {
            if page.is_empty() {
                let gap = Gap { at: rows.at(page.start), repeat: repeat.saturating_add(1) };
                self.listing.hide(list, gap)
            } else {
                self.listing.id(list, rows.at(nth))
            }
        };
        let link = |there: bool, side: &str, nth: usize| {
            if there { format!("\"{path}?page%5B{side}%5D={}\"", cursor(nth)) } else { "null".to_owned() }
        };
        let prev = link(page.start > 0, "before", page.start);
        let next = link(page.end < rows.len(), "after", page.end.saturating_sub(1));
        Bytes::from(format!("],\"links\":{{\"prev\":{prev},\"next\":{next}}}}}"))
    }

    /// The rows that the filters leave.
    fn rows(&self, list: List, query: &Query, shown: i64) -> Rows {
        let mut all = self.listing.shown(list, shown);
        if list == List::Inquiries {
            let inquiries = &self.listing.inquiries;
            // Bounds finer than a millisecond: at or after means rounding up, at or before rounding down.
            if let Some(to) = query.created_to {
                let to = to.as_nanosecond().div_euclid(1_000_000);
                let start = inquiries.partition_point(|(created, _)| i128::from(*created) > to);
                all.start = all.start.max(start);
            }
            if let Some(from) = query.created_from {
                let from = from.as_nanosecond();
                let end = inquiries.partition_point(|(created, _)| i128::from(*created) * 1_000_000 >= from);
                all.end = all.end.min(end);
            }
            all.end = all.end.max(all.start);
        }
        match (&query.inquiry, list) {
            (None, List::Sessions) => match self.absence.there(&self.listing, all.clone(), shown) {
                Some(there) => Rows::Picked(there, all.end),
                None => Rows::All(all),
            },
            (None, List::Inquiries) => Rows::All(all),
            (Some(inquiry), List::Sessions) => {
                let mut sessions = self.listing.sessions_of(inquiry, shown);
                sessions.retain(|at| !self.is_deleted(*at, shown));
                Rows::Picked(Arc::new(sessions), all.end)
            }
            (Some(inquiries), List::Inquiries) => {
                let mut picked: Vec<_> = inquiries
                    .split(',')
                    .filter_map(|id| self.listing.find(List::Inquiries, id.trim()))
                    .filter(|at| all.contains(at))
                    .collect();
                picked.sort_unstable();
                picked.dedup();
                Rows::Picked(Arc::new(picked), all.end)
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>, list: List, at: usize, shown: i64, style: &Style) {
        let people = &self.listing.people;
        match list {
            List::Sessions => {
                let slot = self.listing.sessions[at];
                let session = people.session(&people.inquiry(slot.inquiry), slot.nth);
                render::session(out, &session, shown, style);
            }
            List::Inquiries => {
                let inquiry = people.inquiry(self.listing.inquiries[at].1);
                let is_listed = |nth| {
                    let at = self.listing.at(people.session_id(inquiry.number, nth));
                    at.is_some_and(|at| !self.is_deleted(at, shown))
                };
                render::inquiry(out, people, &inquiry, shown, style, is_listed);
            }
        }
    }

    /// What a cursor points to; a deleted session is none any more.
    fn cursor(&self, list: List, id: &str, shown: i64) -> Option<(Gap, Gap)> {
        let named = self.listing.find(list, id).filter(|_| list == List::Sessions);
        if named.is_some_and(|at| self.is_deleted(at, shown)) {
            return None;
        }
        self.listing.cursor(list, id)
    }

    fn is_deleted(&self, at: usize, shown: i64) -> bool {
        self.absence.is_deleted(&self.listing, at, shown)
    }

    /// The rows that the payload filter leaves.
    fn seen(&self, list: List, rows: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen: Vec<usize> = rows.into_iter().collect();
        if list == List::Sessions {
            self.absence.retain_seen(&self.listing, &mut seen);
        }
        seen
    }
}
