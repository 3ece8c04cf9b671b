//! Which of the known names somebody meant who typed another.

/// The known name that takes the fewest changes to get to, if those are few enough to be a slip.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (typed.chars().count() / 3).clamp(1, 3);
    let distances = known.into_iter().map(|name| (strsim::levenshtein(typed, name), name));
    let near = distances.filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// What to say of a name that is not known: what was likely meant, or else what there is.
pub(crate) fn hint<'a>(near: Option<&str>, known: impl IntoIterator<Item = &'a str>) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_forgiven_and_a_guess_is_not() {
        let known = ["network_risk", "device_mix"];
        assert_eq!(nearest("network_risks", known), Some("network_risk"));
        assert_eq!(nearest("devicemix", known), Some("device_mix"));
        assert_eq!(nearest("Device_Mix", known), Some("device_mix"));
        assert_eq!(nearest("nope", known), None);
        assert_eq!(nearest("", known), None);
    }
}
