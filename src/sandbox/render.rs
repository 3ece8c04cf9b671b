//! Sessions and inquiries as JSON:API resources.
//!
//! Owns the attributes and their order, and which of a session's facts show at a given moment. It knows
//! nothing of pages or HTTP.

use super::ids::{Purpose, token};
use super::json::{Object, Style, append, identifier, resource};
use super::people::{HOUR, Inquiry, People};
use super::visit::{Related, Session, Visit};

/// The session as it shows at a moment.
pub(crate) fn session(out: &mut Vec<u8>, session: &Session, shown: i64, style: &Style) {
    let visit = session.visit.as_ref().filter(|visit| visit.started <= shown);
    let kept = visit.filter(|_| session.redacted.is_none_or(|at| at > shown));
    let expired = session.expires <= shown;
    let status = match (expired, visit) {
        (true, _) => "expired",
        (_, Some(_)) => "active",
        (_, None) => "new",
    };
    let odd = style.odd.of(session.number);
    resource(out, "inquiry-session", session.id);
    out.extend_from_slice(b",\"attributes\":");
    let mut row = Object::open_with(out, style, &odd.replaced);
    row.text("status", Some(status));
    row.moment("created-at", Some(session.created));
    row.moment("started-at", visit.map(|visit| visit.started));
    row.moment("expired-at", expired.then_some(session.expires));
    client(&mut row, visit, kept, session.handoff);
    signals(&mut row, visit, kept);
    odd.added.iter().for_each(|(key, json)| row.raw(key, json));
    row.close();
    out.extend_from_slice(b",\"relationships\":");
    let mut related = Object::open(out, style);
    related.related("inquiry", "inquiry", Some(session.inquiry));
    related.related("device", "device", visit.and_then(|visit| visit.device_id));
    match visit.map_or(Related::Null, |visit| visit.network_id) {
        Related::Named(id) => related.related("network", "network", Some(id)),
        Related::Null => related.related("network", "network", None),
        Related::Absent => {}
    }
    if !odd.added.is_empty() {
        related.related("workflow-run", "workflow-run", Some(session.inquiry));
    }
    related.close();
    out.push(b'}');
}

fn client(row: &mut Object<'_>, visit: Option<&Visit>, kept: Option<&Visit>, handoff: Option<&'static str>) {
    let device = visit.map(|visit| &visit.device);
    if row.key("ip-address") {
        match kept {
            Some(visit) => append(row.out, format_args!("\"{}\"", visit.address)),
            None => row.out.extend_from_slice(b"null"),
        }
    }
    row.text("user-agent", kept.map(|visit| visit.device.user_agent.as_str()));
    row.text("os-name", device.and_then(|device| device.os_name));
    row.text("os-full-version", device.and_then(|device| device.os_version.as_deref()));
    row.text("device-type", device.and_then(|device| device.device_type));
    row.text("device-name", device.and_then(|device| device.device_name));
    row.text("browser-name", device.and_then(|device| device.browser_name));
    row.text("browser-full-version", device.and_then(|device| device.browser_version.as_deref()));
    if row.style.fingerprint {
        let fingerprint = kept.map(|visit| format!("{:016x}", visit.fingerprint));
        row.text("browser-fingerprint", fingerprint.as_deref());
    }
    let sdk = device.and_then(|device| device.sdk_version.as_deref());
    row.text("mobile-sdk-name", sdk.map(|_| "Inquiry"));
    row.text("mobile-sdk-full-version", sdk);
    row.text("device-handoff-method", handoff);
}

fn signals(row: &mut Object<'_>, visit: Option<&Visit>, kept: Option<&Visit>) {
    row.flag("is-proxy", visit.and_then(|visit| visit.proxy));
    row.flag("is-tor", visit.and_then(|visit| visit.tor));
    row.flag("is-datacenter", visit.and_then(|visit| visit.datacenter));
    row.flag("is-vpn", visit.and_then(|visit| visit.vpn));
    row.text("threat-level", visit.and_then(|visit| visit.threat_level));
    let place = kept.map(|visit| visit.place);
    let long = kept.is_some_and(|visit| visit.long_country_name);
    row.text("country-code", place.map(|place| place.country.code));
    let name = place.map(|place| if long { "United States of America" } else { place.country.name });
    row.text("country-name", name);
    row.text("region-code", place.map(|place| place.region.0));
    row.text("region-name", place.map(|place| place.region.1));
    row.number("latitude", place.map(|place| place.latitude));
    row.number("longitude", place.map(|place| place.longitude));
    let gps = kept.and_then(|visit| visit.gps.as_ref());
    row.number("gps-latitude", gps.map(|gps| gps.place.latitude));
    row.number("gps-longitude", gps.map(|gps| gps.place.longitude));
    row.text("gps-precision", gps.map(|gps| gps.precision));
    if row.style.newer {
        row.text("gps-country-code", gps.and_then(|gps| gps.country_code));
    }
    row.text("ip-connection-type", visit.and_then(|visit| visit.connection));
    row.text("ip-isp", visit.and_then(|visit| visit.isp));
    row.text("network-organization", visit.and_then(|visit| visit.organization));
}

/// The inquiry as it shows at a moment.
///
/// Its `fields` hold made-up personal data on purpose: a test can then see whether any of it was stored.
pub(crate) fn inquiry(
    out: &mut Vec<u8>,
    people: &People,
    inquiry: &Inquiry,
    shown: i64,
    style: &Style,
    is_listed: impl Fn(u8) -> bool,
) {
    let expires = inquiry.created + 24 * HOUR;
    let redacted = inquiry.redacted.filter(|at| *at <= shown);
    let expired = expires <= shown && inquiry.number.is_multiple_of(4);
    let completed = expires <= shown && !expired;
    let status = match (expired, completed) {
        (true, _) => "expired",
        (_, true) => "completed",
        _ => "pending",
    };
    let name = token(people.seed, Purpose::InquiryId, u64::from(inquiry.number));
    let name = String::from_utf8_lossy(&name[..6]);
    resource(out, "inquiry", people.inquiry_id(inquiry.number));
    out.extend_from_slice(b",\"attributes\":");
    let mut row = Object::open(out, style);
    row.text("status", Some(status));
    row.text("reference-id", Some(&format!("user-{}", inquiry.number)));
    row.text("note", None);
    row.raw("behaviors", "null");
    row.raw("tags", "[]");
    row.text("creator", Some("API"));
    row.text("reviewer-comment", None);
    row.moment("created-at", Some(inquiry.created));
    row.moment("updated-at", Some(inquiry.created));
    row.moment("started-at", Some(inquiry.created));
    row.moment("expires-at", Some(expires));
    row.moment("completed-at", completed.then_some(inquiry.created + HOUR / 2));
    row.moment("failed-at", None);
    row.moment("marked-for-review-at", None);
    row.moment("decisioned-at", None);
    row.moment("expired-at", expired.then_some(expires));
    row.moment("redacted-at", redacted);
    row.text("previous-step-name", Some("start"));
    row.text("next-step-name", None);
    // Keys within `fields` are never inflected.
    let (first, mail) = match redacted {
        Some(_) => ("null".to_owned(), "null".to_owned()),
        None => (format!("\"Personal-{name}\""), format!("\"personal-{name}@example.com\"")),
    };
    row.raw(
        "fields",
        &format!(
            r#"{{"name-first":{{"type":"string","value":{first}}},"email-address":{{"type":"string","value":{mail}}}}}"#
        ),
    );
    row.close();
    out.extend_from_slice(b",\"relationships\":");
    let mut related = Object::open(out, style);
    related.related("account", "account", None);
    related.raw("reports", r#"{"data":[]}"#);
    related.raw("verifications", r#"{"data":[]}"#);
    if related.key("sessions") {
        related.out.extend_from_slice(b"{\"data\":[");
        let created = (0..inquiry.sessions).zip(inquiry.times).filter(|(_, created)| *created <= shown);
        let listed = created.filter(|(nth, _)| is_listed(*nth));
        for (at, (nth, _)) in listed.enumerate() {
            if at > 0 {
                related.out.push(b',');
            }
            identifier(related.out, "inquiry-session", people.session_id(inquiry.number, nth));
        }
        related.out.extend_from_slice(b"]}");
    }
    related.close();
    out.push(b'}');
}
