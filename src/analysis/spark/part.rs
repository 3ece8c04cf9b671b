//! A part of the sessions by their addresses and days, in Spark's own expressions.
//!
//! What an address is is told by [`crate::session::privacy::address`]: the same is written here once more, for a cluster
//! knows nothing of that. Must not know which part is asked for, nor why.

use std::net::IpAddr;

use super::dialect::string;
use crate::analysis::trusted::{Part, Side};

/// The column of addresses in one form, all of one length so that they compare as texts: `4` or `6` and the digits.
const ADDRESS: &str = "_address";

const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const GROUP: &str = "[0-9A-Fa-f]{1,4}";
const PORT: &str = "0*(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})";

/// Expressions, each a column that a later one may name, the last of them [`ADDRESS`]: null for what is no address. What
/// is slow is only looked at where the writing asks for it.
pub(super) fn address_of(column: &str) -> Vec<String> {
    let v4 = [OCTET; 4].join("[.]");
    let matches = |text: &str, pattern: &str| format!("{text} RLIKE {}", string(pattern));
    let extract = |text: &str, pattern: &str, group: usize| {
        format!("regexp_extract({text}, {}, {group})", string(pattern))
    };
    let whole = |pattern: &str| format!(r"(?s)\A{pattern}\z");
    let hex = |octet: &str| format!("lpad(conv({octet}, 10, 16), 2, '0')");
    // What `str::trim` takes away.
    let blanks: String = ('\0'..='\u{3000}').filter(|letter| letter.is_whitespace()).collect();
    let trimmed = format!("trim(BOTH {} FROM {column})", string(&blanks));
    // A port is only one behind four octets or behind brackets around groups.
    let host = format!(
        "CASE WHEN {} THEN _text WHEN {} THEN substring_index(_text, ':', 1) WHEN {} THEN {} ELSE {} END",
        matches("_text", &whole("(?:[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*)")),
        matches("_text", &whole(&format!("[0-9.]+:{PORT}"))),
        matches("_text", &whole(&format!(r"\[[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*\]:{PORT}"))),
        extract("_text", r"\A\[([^\]]*)\]", 1),
        extract("_text", &whole(r"\[?([^%/]*?)\]*(?:[%/].*)?"), 1),
    );
    let octet = |nth: usize| hex(&format!("substring_index(substring_index(_host, '.', {nth}), '.', -1)"));
    let octets = [1, 2, 3, 4].map(octet).join(", ");
    let four = format!("CASE WHEN {} THEN concat({octets}) END", matches("_host", &whole(&v4)));
    // The last two groups may be written as four octets.
    let tail = whole(&format!("(.*:){v4}"));
    let [a, b, c, d] = [2, 3, 4, 5].map(|group| hex(&extract("_host", &tail, group)));
    let six = format!(
        "CASE WHEN NOT contains(_host, ':') THEN NULL WHEN NOT contains(_host, '.') THEN _host \
         WHEN {} THEN concat({}, {a}, {b}, ':', {c}, {d}) END",
        matches("_host", &tail),
        extract("_host", &tail, 1),
    );
    // Two colons stand for one group of zeros or more.
    let groups = |text: &str| format!("filter(split({text}, ':'), part -> part <> '')");
    let filled = groups("replace(_six, '::', concat(':', repeat('0:', 8 - _written)))");
    let is_six = format!(
        "{} AND size(_groups) = 8 AND (_written < 8) = contains(_six, '::')",
        matches("_six", &whole(&format!("(?:(?:{GROUP}:)*{GROUP})?(?:::(?:(?:{GROUP}:)*{GROUP})?)?"))),
    );
    let joined = "lower(array_join(transform(_groups, part -> lpad(part, 4, '0')), ''))";
    // IPv4 in IPv6 is IPv4.
    let address = format!(
        "CASE WHEN _four IS NOT NULL THEN rpad(concat('4', lower(_four)), 33, '0') \
         WHEN NOT COALESCE(_is_six, FALSE) THEN NULL \
         WHEN startswith(_joined, '{mapped}') THEN rpad(concat('4', substring(_joined, 25)), 33, '0') \
         ELSE concat('6', _joined) END",
        mapped = "0".repeat(20) + "ffff",
    );
    [
        ("_text", trimmed),
        ("_host", host),
        ("_four", four),
        ("_six", six),
        ("_written", format!("size({})", groups("_six"))),
        ("_groups", filled),
        ("_is_six", is_six),
        ("_joined", joined.to_owned()),
        (ADDRESS, address),
    ]
    .map(|(name, expression)| format!("{expression} AS {name}"))
    .into()
}

/// Which sessions are in the part, by their addresses and the column of their days.
pub(super) fn condition(part: &Part, day: &str) -> String {
    let networks = part.stretches().map(|(first, last, until)| {
        let until = until.map(|until| format!(" AND {day} <= DATE '{until}'")).unwrap_or_default();
        format!("({ADDRESS} BETWEEN '{}' AND '{}'{until})", digits(first), digits(last))
    });
    let networks = networks.collect::<Vec<_>>().join(" OR ");
    let trusted = format!("COALESCE({}, FALSE)", if networks.is_empty() { "FALSE" } else { &networks });
    match part.side() {
        Side::Trusted => trusted,
        Side::Others => format!("NOT {trusted}"),
    }
}

/// An address as it stands in [`ADDRESS`].
fn digits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("4{:08x}{}", address.to_bits(), "0".repeat(24)),
        IpAddr::V6(address) => format!("6{:032x}", address.to_bits()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::analysis::trusted::Trusted;

    #[test]
    fn a_network_is_the_texts_from_its_first_address_to_its_last() {
        let networks = ["192.0.2.64/26 a", "2001:db8::/32 b until 2026-11-10", "::ffff:192.0.2.1 c"];
        let trusted = Trusted::new(networks.iter().map(|text| text.parse().unwrap()).collect());
        let zeros = "0".repeat(24);
        let expected = [
            format!("(_address BETWEEN '4c0000240{zeros}' AND '4c000027f{zeros}')"),
            format!(
                "(_address BETWEEN '620010db8{zeros}' AND '620010db8{}' AND day <= DATE '2026-11-10')",
                "f".repeat(24)
            ),
            format!("(_address BETWEEN '4c0000201{zeros}' AND '4c0000201{zeros}')"),
        ];
        let expected = format!("COALESCE({}, FALSE)", expected.join(" OR "));
        assert_eq!(condition(&trusted.part(Side::Trusted), "day"), expected);
        assert_eq!(condition(&trusted.part(Side::Others), "day"), format!("NOT {expected}"));
        let nobody = Trusted::default().part(Side::Trusted);
        assert_eq!(condition(&nobody, "day"), "COALESCE(FALSE, FALSE)");
    }
}
