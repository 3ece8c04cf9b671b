"""The documented attributes of a session by what they hold, for the peers that read JSON lines."""

MOMENTS = ["created-at", "started-at", "expired-at"]
BOOLEANS = ["is-proxy", "is-tor", "is-datacenter", "is-vpn"]
NUMBERS = ["latitude", "longitude", "gps-latitude", "gps-longitude"]
TEXTS = [
    "status", "ip-address", "user-agent", "os-name", "os-full-version", "device-type", "device-name", "browser-name",
    "browser-full-version", "browser-fingerprint", "mobile-sdk-name", "mobile-sdk-full-version",
    "device-handoff-method", "threat-level", "country-code", "country-name", "region-code", "region-name",
    "gps-precision", "gps-country-code", "ip-connection-type", "ip-isp", "network-organization",
]
RELATIONSHIPS = ["environment", "inquiry", "device", "network"]


def column(attribute):
    return attribute.replace("-", "_")
