//! The two lists of the API in their order, and cursors into them.
//!
//! Owns which inquiry and session stands where. It keeps a few bytes a row; everything else is drawn again
//! from the seed. It knows neither JSON nor HTTP.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::ids::{self, INQUIRY, Id, Purpose, SESSION, Token, token};
use super::people::People;

/// Where a session comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) created: i64,
    pub(crate) inquiry: u32,
    pub(crate) nth: u8,
}

/// Both lists, newest first.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) people: People,
    pub(crate) sessions: Vec<Slot>,
    /// Creation and number of each inquiry.
    pub(crate) inquiries: Vec<(i64, u32)>,
    session_at: HashMap<Token, u32>,
    inquiry_at: HashMap<Token, u32>,
    hidden: Mutex<HashMap<(List, Token), Gap>>,
}

/// Which list a cursor points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum List {
    Sessions,
    Inquiries,
}

/// A place between two rows: before the row at this index. `repeat` counts the hidden cursors that led here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) at: usize,
    pub(crate) repeat: u8,
}

impl Listing {
    /// Draws inquiries until there are `sessions` sessions. What is planted comes on top.
    pub(crate) fn draw(seed: u64, sessions: u32, end: i64, days: u32, planted: bool) -> Self {
        let mut people = People::new(seed, u64::from(sessions), end, days, planted);
        let mut slots = Vec::with_capacity(sessions as usize);
        let mut inquiries = Vec::new();
        for number in 0.. {
            let left = (sessions as usize).saturating_sub(slots.len());
            if left == 0 {
                break;
            }
            let inquiry = people.inquiry(number);
            let count = inquiry.sessions.min(u8::try_from(left).unwrap_or(u8::MAX));
            people.last = Some((number, count));
            inquiries.push((inquiry.created, number));
            let times = (0..count).zip(inquiry.times);
            slots.extend(times.map(|(nth, created)| Slot { created, inquiry: number, nth }));
        }
        for inquiry in people.plants.inquiries() {
            inquiries.push((inquiry.created, inquiry.number));
            let times = (0..inquiry.sessions).zip(inquiry.times);
            slots.extend(times.map(|(nth, created)| Slot { created, inquiry: inquiry.number, nth }));
        }
        let session_token = |slot: &Slot| people.session_id(slot.inquiry, slot.nth).token;
        let inquiry_token = |number: u32| people.inquiry_id(number).token;
        slots.sort_unstable_by(|a, b| {
            b.created.cmp(&a.created).then_with(|| session_token(a).cmp(&session_token(b)))
        });
        inquiries
            .sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| inquiry_token(a.1).cmp(&inquiry_token(b.1))));
        let session_at = (0..).zip(&slots).map(|(at, slot)| (session_token(slot), at)).collect();
        let inquiry_at =
            (0..).zip(&inquiries).map(|(at, (_, number))| (inquiry_token(*number), at)).collect();
        Self { people, sessions: slots, inquiries, session_at, inquiry_at, hidden: Mutex::default() }
    }

    /// The rows of a list that exist at a moment.
    pub(crate) fn shown(&self, list: List, moment: i64) -> Range<usize> {
        match list {
            List::Sessions => {
                self.sessions.partition_point(|slot| slot.created > moment)..self.sessions.len()
            }
            List::Inquiries => {
                self.inquiries.partition_point(|(created, _)| *created > moment)..self.inquiries.len()
            }
        }
    }

    /// The index of an inquiry or a session.
    pub(crate) fn find(&self, list: List, id: &str) -> Option<usize> {
        let (prefix, at) = match list {
            List::Sessions => (SESSION, &self.session_at),
            List::Inquiries => (INQUIRY, &self.inquiry_at),
        };
        at.get(&ids::parse(id, prefix)?).map(|at| *at as usize)
    }

    /// The index of a session by its id.
    pub(crate) fn at(&self, session: Id) -> Option<usize> {
        self.session_at.get(&session.token).map(|at| *at as usize)
    }

    /// The sessions of an inquiry that exist at a moment, newest first.
    pub(crate) fn sessions_of(&self, inquiry: &str, moment: i64) -> Vec<usize> {
        let Some(at) = self.find(List::Inquiries, inquiry) else { return Vec::new() };
        let inquiry = self.people.inquiry(self.inquiries[at].1);
        let mut found: Vec<_> = (0..inquiry.sessions)
            .zip(inquiry.times)
            .filter(|(_, created)| *created <= moment)
            .filter_map(|(nth, _)| self.at(self.people.session_id(inquiry.number, nth)))
            .collect();
        found.sort_unstable();
        found
    }

    /// The id of the row at an index.
    pub(crate) fn id(&self, list: List, at: usize) -> Id {
        match list {
            List::Sessions => self.people.session_id(self.sessions[at].inquiry, self.sessions[at].nth),
            List::Inquiries => self.people.inquiry_id(self.inquiries[at].1),
        }
    }

    /// A cursor for a gap with no row to name: as with a payload filter, it is the id of a row that is not
    /// listed. Each further one for the same gap is another id, so that a walk can see its progress.
    pub(crate) fn hide(&self, list: List, gap: Gap) -> Id {
        let prefix = if list == List::Sessions { SESSION } else { INQUIRY };
        let number = (gap.at as u64) << 9 | u64::from(gap.repeat) << 1 | u64::from(list == List::Inquiries);
        let token = token(self.people.seed, Purpose::Hidden, number);
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).insert((list, token), gap);
        Id { prefix, token }
    }

    /// What a cursor points to: the gap before its row and the gap behind it.
    pub(crate) fn cursor(&self, list: List, id: &str) -> Option<(Gap, Gap)> {
        if let Some(at) = self.find(list, id) {
            return Some((Gap { at, repeat: 0 }, Gap { at: at + 1, repeat: 0 }));
        }
        let prefix = if list == List::Sessions { SESSION } else { INQUIRY };
        let key = (list, ids::parse(id, prefix)?);
        let gap = *self.hidden.lock().unwrap_or_else(PoisonError::into_inner).get(&key)?;
        Some((gap, gap))
    }
}
