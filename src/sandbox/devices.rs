//! Made-up devices: type, operating system, browser and the user agent that goes with them.
//!
//! Owns what a device says of itself; it knows neither its owner nor its sessions.

use fastrand::Rng;

/// The class of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Desktop,
    Phone,
    Tablet,
    /// A script behind a desktop's name.
    Automation,
}

/// What a device says of itself.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) device_type: Option<&'static str>,
    pub(crate) device_name: Option<&'static str>,
    pub(crate) os_name: Option<&'static str>,
    pub(crate) os_version: Option<String>,
    pub(crate) browser_name: Option<&'static str>,
    pub(crate) browser_version: Option<String>,
    pub(crate) user_agent: String,
    /// Version of the mobile SDK where the session ran inside an app.
    pub(crate) sdk_version: Option<String>,
}

impl Device {
    /// A device of a class.
    pub(crate) fn draw(class: Class, rng: &mut Rng) -> Self {
        match class {
            Class::Desktop => desktop(rng),
            Class::Phone if rng.u8(0..100) < 52 => apple(rng, "smartphone", IPHONES),
            Class::Phone => android(rng, "smartphone", PHONES),
            Class::Tablet if rng.u8(0..100) < 70 => apple(rng, "tablet", IPADS),
            Class::Tablet => android(rng, "tablet", TABLETS),
            Class::Automation => automation(rng),
        }
    }
}

const IPHONES: &[&str] = &[
    "Apple iPhone12,1",
    "Apple iPhone13,2",
    "Apple iPhone14,5",
    "Apple iPhone14,7",
    "Apple iPhone15,2",
    "Apple iPhone15,4",
    "Apple iPhone16,1",
    "Apple iPhone17,3",
];
const IPADS: &[&str] = &["Apple iPad13,18", "Apple iPad14,1", "Apple iPad13,4"];
const PHONES: &[&str] = &[
    "Samsung SM-S918B",
    "Samsung SM-S921U",
    "Samsung SM-A546B",
    "Samsung SM-A145F",
    "Google Pixel 7",
    "Google Pixel 8",
    "Google Pixel 9 Pro",
    "Xiaomi 2201117TG",
    "OPPO CPH2387",
    "TECNO KI5k",
];
const TABLETS: &[&str] = &["Samsung SM-X200", "Samsung SM-X710", "Lenovo TB-X606F"];

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())]
}

/// A browser by name and version, and how it signs its user agent.
struct Browser {
    name: &'static str,
    version: String,
    signature: String,
}

/// The newest versions.
const CHROME: u8 = 143;
const FIREFOX: u8 = 145;

/// The version of a browser that updates itself: most have the newest or one before it, a few stayed behind for good.
fn recent(rng: &mut Rng, newest: u8) -> u8 {
    let behind = match rng.u8(0..100) {
        0..60 => 0,
        60..80 => 1,
        80..88 => 2,
        88..93 => 3,
        93..97 => 6,
        97 => 15,
        98 => 20,
        // The last one for an old system.
        _ => 34,
    };
    newest - behind
}

fn chrome(rng: &mut Rng, name: &'static str, mobile: &str) -> Browser {
    let version = format!("{}.0.0.0", recent(rng, CHROME));
    let signature = format!("AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}{mobile} Safari/537.36");
    Browser { name, version, signature }
}

fn desktop(rng: &mut Rng) -> Device {
    let (os_name, os_version, platform) = match rng.u8(0..100) {
        0..=57 => {
            let version = if rng.bool() { "11" } else { "10" };
            ("Windows", Some(version.to_owned()), "Windows NT 10.0; Win64; x64".to_owned())
        }
        58..=86 => {
            // Browsers on a Mac stopped counting at 10.15.7.
            ("Mac", Some("10.15.7".to_owned()), "Macintosh; Intel Mac OS X 10_15_7".to_owned())
        }
        87..=93 => ("GNU/Linux", None, "X11; Linux x86_64".to_owned()),
        _ => {
            let version = format!("{}.0.0", pick(rng, &[14541_u32, 15964, 16093]));
            let platform = format!("X11; CrOS x86_64 {version}");
            ("Chrome OS", Some(version), platform)
        }
    };
    let browser = match (os_name, rng.u8(0..100)) {
        ("Mac", 0..=59) => {
            let version = pick(rng, &["17.6", "18.1", "18.3", "18.5"]).to_owned();
            let signature =
                format!("AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version} Safari/605.1.15");
            Browser { name: "Safari", version, signature }
        }
        ("Windows", 0..=24) => {
            let mut browser = chrome(rng, "Microsoft Edge", "");
            browser.signature = format!("{} Edg/{}", browser.signature, browser.version);
            browser
        }
        ("Windows" | "GNU/Linux" | "Mac", 80..) => {
            let version = format!("{}.0", recent(rng, FIREFOX));
            let signature = format!("Gecko/20100101 Firefox/{version}");
            Browser { name: "Firefox", version, signature }
        }
        _ => chrome(rng, "Chrome", ""),
    };
    Device {
        device_type: Some("desktop"),
        device_name: None,
        os_name: Some(os_name),
        os_version,
        user_agent: format!("Mozilla/5.0 ({platform}) {}", browser.signature),
        browser_name: Some(browser.name),
        browser_version: Some(browser.version),
        sdk_version: None,
    }
}

fn apple(rng: &mut Rng, device_type: &'static str, names: &[&'static str]) -> Device {
    let (major, minor, patch) = (rng.u8(16..=18), rng.u8(0..7), rng.u8(0..3));
    let os_version = format!("{major}.{minor}.{patch}");
    let device_name = pick(rng, names);
    let (family, platform) = if device_type == "tablet" {
        ("iPad", format!("iPad; CPU OS {major}_{minor}_{patch} like Mac OS X"))
    } else {
        ("iPhone", format!("iPhone; CPU iPhone OS {major}_{minor}_{patch} like Mac OS X"))
    };
    let sdk_version = app(rng);
    let (browser_name, browser_version, user_agent) = if let Some(sdk) = &sdk_version {
        (None, None, format!("Inquiry/{sdk} ({family}; iOS {os_version}) CFNetwork/1494.0.7 Darwin/23.4.0"))
    } else if rng.u8(0..100) < 82 {
        let version = format!("{major}.{minor}");
        let agent = format!(
            "Mozilla/5.0 ({platform}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version} Mobile/15E148 Safari/604.1"
        );
        (Some("Mobile Safari"), Some(version), agent)
    } else {
        let version = format!("{}.0.6723.90", recent(rng, CHROME));
        let agent = format!(
            "Mozilla/5.0 ({platform}) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/{version} Mobile/15E148 Safari/604.1"
        );
        (Some("Chrome Mobile iOS"), Some(version), agent)
    };
    Device {
        device_type: Some(device_type),
        device_name: Some(device_name),
        os_name: Some(if device_type == "tablet" { "iPadOS" } else { "iOS" }),
        os_version: Some(os_version),
        browser_name,
        browser_version,
        user_agent,
        sdk_version,
    }
}

fn android(rng: &mut Rng, device_type: &'static str, names: &[&'static str]) -> Device {
    let release = rng.u8(10..=15);
    let device_name = pick(rng, names);
    let model = device_name.split_once(' ').map_or(device_name, |(_, model)| model);
    let platform = format!("Linux; Android {release}; {model}");
    let mobile = if device_type == "tablet" { "" } else { " Mobile" };
    let sdk_version = app(rng);
    let (browser_name, browser_version, user_agent) = if let Some(sdk) = &sdk_version {
        (None, None, format!("Inquiry/{sdk} ({platform}) okhttp/4.12.0"))
    } else if device_name.starts_with("Samsung") && rng.u8(0..100) < 35 {
        let version = format!("{}.0", rng.u8(24..28));
        let browser = chrome(rng, "Samsung Browser", mobile);
        let signature = browser.signature.replace("Chrome/", &format!("SamsungBrowser/{version} Chrome/"));
        (Some(browser.name), Some(version), format!("Mozilla/5.0 ({platform}) {signature}"))
    } else {
        let browser = chrome(rng, "Chrome Mobile", mobile);
        let agent = format!("Mozilla/5.0 ({platform}) {}", browser.signature);
        (Some(browser.name), Some(browser.version), agent)
    };
    Device {
        device_type: Some(device_type),
        device_name: Some(device_name),
        os_name: Some("Android"),
        os_version: Some(format!("{release}")),
        browser_name,
        browser_version,
        user_agent,
        sdk_version,
    }
}

/// The mobile SDK's version, for the share of phones that verify inside an app.
fn app(rng: &mut Rng) -> Option<String> {
    (rng.u8(0..100) < 22).then(|| format!("2.{}.{}", rng.u8(8..31), rng.u8(0..6)))
}

fn automation(rng: &mut Rng) -> Device {
    let headless = rng.bool();
    let version = format!("{}.0.0.0", rng.u8(110..144));
    let user_agent = if headless {
        format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/{version} Safari/537.36"
        )
    } else {
        format!("python-requests/2.{}.0", rng.u8(26..33))
    };
    Device {
        device_type: headless.then_some("desktop"),
        device_name: None,
        os_name: headless.then_some("GNU/Linux"),
        os_version: None,
        browser_name: headless.then_some("Headless Chrome"),
        browser_version: headless.then_some(version),
        user_agent,
        sdk_version: None,
    }
}
