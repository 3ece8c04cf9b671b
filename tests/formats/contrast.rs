//! The page's colours: what is read on what, in each of its schemes, by the contrast that WCAG 2.2 defines and asks for.
//!
//! A browser's own check leaves out what stands beside something else, as a chart's letters do.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../src/report/html/style.css");

/// What is read, on what, and the least contrast: 4.5 for letters (criterion 1.4.3), 3 for what is drawn (1.4.11).
const PAIRS: [(&str, &str, f64); 13] = [
    ("text", "page", 4.5),
    ("text", "card", 4.5),
    ("quiet", "page", 4.5),
    ("quiet", "card", 4.5),
    ("accent", "page", 4.5),
    ("accent", "card", 4.5),
    ("warning", "warning-back", 4.5),
    ("chart-text", "card", 4.5),
    ("chart-fill", "card", 3.0),
    ("chart-earlier", "card", 3.0),
    ("chart-axis", "card", 3.0),
    ("chart-whisker", "card", 3.0),
    ("chart-whisker", "chart-fill", 3.0),
];

/// The colours of each scheme by name: light, dark, printed.
fn schemes() -> Vec<BTreeMap<&'static str, [f64; 3]>> {
    let blocks = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap());
    let colours = |block: &'static str| {
        let declared = block.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        declared.map(|(name, digits)| (name, channels(digits))).collect()
    };
    blocks.map(colours).collect()
}

/// `abc` or `aabbcc` as red, green and blue from 0 to 1.
fn channels(digits: &str) -> [f64; 3] {
    let size = digits.len() / 3;
    let channel = |at: usize| {
        let digits = digits[at * size..(at + 1) * size].repeat(3 - size);
        f64::from(u8::from_str_radix(&digits, 16).unwrap()) / 255.0
    };
    [0, 1, 2].map(channel)
}

/// <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_is_told_from_what_it_stands_on_in_light_in_dark_and_printed() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 3);
    for scheme in schemes {
        for (front, back, least) in PAIRS {
            let found = contrast(scheme[front], scheme[back]);
            assert!(found >= least, "{front} on {back}: {found:.2}, not {least}");
        }
    }
}

#[test]
fn contrast_is_that_of_the_definition() {
    // The two ends, and the lightest grey that is enough on white as WebAIM's contrast checker has it: #767676, 4.54.
    assert_eq!(contrast(channels("fff"), channels("000000")), 21.0);
    assert_eq!(contrast(channels("777777"), channels("777")), 1.0);
    assert_eq!(format!("{:.2}", contrast(channels("767676"), channels("ffffff"))), "4.54");
    assert!(contrast(channels("777"), channels("fff")) < 4.5);
}
