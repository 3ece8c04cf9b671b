//! How wide a chart's letters are: no font is at hand where it is drawn, so each is taken for one of a wide font's.
//!
//! Must not know what is written, nor where it stands.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// The letters' size in pixels.
pub(super) const SIZE: u32 = 12;

/// Pixels that a text takes at most, about.
pub(super) fn extent(text: &str) -> f64 {
    text.chars().map(letter).sum()
}

/// The text cut to so many pixels, with `…` where it was cut.
pub(super) fn fitting(text: &str, room: f64) -> Cow<'_, str> {
    const CUT: char = '…';
    if extent(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut used = letter(CUT);
    let fits = |c: &char| {
        used += letter(*c);
        used <= room
    };
    Cow::Owned(text.chars().take_while(fits).chain([CUT]).collect())
}

fn letter(c: char) -> f64 {
    match c {
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '!' | '-' => 5.0,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 12.0,
        'A'..='Z' => 9.5,
        // Of what is not Latin, a terminal's column is the best guess.
        c => c.width().unwrap_or(0) as f64 * 7.7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_letters_end_not_after_so_many() {
        assert_eq!(fitting("illicit", 40.0), "illicit");
        let wide = fitting("WWWWWWW", 40.0);
        assert_eq!(wide, "WW…");
        assert!(extent(&wide) <= 40.0 && extent("WWW…") > 40.0);
        assert_eq!(fitting("日本語", 30.0), "日…");
        assert_eq!(fitting("a", 0.0), "…");
    }
}
