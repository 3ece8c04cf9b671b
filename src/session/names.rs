//! From an attribute's name in any of the API's three inflections to its place in the schema.
//!
//! Persona sends `created-at`, `created_at` or `createdAt` as `Key-Inflection` or the key's settings ask
//! (docs.withpersona.com/api-key-inflection).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::schema::ATTRIBUTES;

/// Finds attributes by name. Pages repeat their keys in the same order row after row, so the name seen last at
/// a position is tried before the table.
#[derive(Debug, Default)]
pub(super) struct Names {
    learned: Vec<(String, Option<usize>)>,
}

/// A position is remembered only up to here, so that a row of a million keys costs no memory.
const LEARNED_AT_MOST: usize = 128;

impl Names {
    /// The place in [`ATTRIBUTES`] of the attribute that stands at `position` in its row.
    pub(super) fn attribute(&mut self, position: usize, name: &str) -> Option<usize> {
        if let Some((learned, place)) = self.learned.get(position)
            && learned == name
        {
            return *place;
        }
        let place = TABLE.get(name).copied();
        if let Some(entry) = self.learned.get_mut(position) {
            entry.0.clear();
            entry.0.push_str(name);
            entry.1 = place;
        } else if self.learned.len() == position && position < LEARNED_AT_MOST {
            self.learned.push((name.to_owned(), place));
        }
        place
    }
}

static TABLE: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for (place, attribute) in ATTRIBUTES.iter().enumerate() {
        for name in [attribute.column.to_owned(), attribute.column.replace('_', "-"), camel(attribute.column)]
        {
            table.insert(name, place);
        }
    }
    table
});

fn camel(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut upper = false;
    for letter in snake.chars() {
        if letter == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            camel.extend(letter.to_uppercase());
        } else {
            camel.push(letter);
        }
    }
    camel
}

/// A name in snake_case, whichever inflection it came in, so that `extra` is the same for all three.
pub(super) fn snake(name: &str) -> Cow<'_, str> {
    if !name.contains(|letter: char| letter == '-' || letter.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        match letter {
            '-' => snake.push('_'),
            letter if letter.is_ascii_uppercase() => {
                if !snake.is_empty() && !snake.ends_with('_') {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            letter => snake.push(letter),
        }
    }
    Cow::Owned(snake)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::schema::CREATED_AT;

    #[test]
    fn every_inflection_finds_its_attribute_wherever_it_stands() {
        let mut names = Names::default();
        for position in [0, 1, 1, 0, 500] {
            for name in ["created-at", "created_at", "createdAt"] {
                assert_eq!(names.attribute(position, name), Some(CREATED_AT));
            }
            assert_eq!(names.attribute(position, "Created-At"), None);
        }
    }

    #[test]
    fn unknown_names_become_snake_case() {
        for name in ["face-match-score", "face_match_score", "faceMatchScore", "FaceMatchScore"] {
            assert_eq!(snake(name), "face_match_score");
        }
    }
}
