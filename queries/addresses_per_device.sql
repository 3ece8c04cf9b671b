-- title: Addresses per device
-- question: Which devices come from several addresses and countries?
-- key: device_id
-- without: trusted_networks
-- split: device_id
-- chart: bar addresses by device_id
-- parameter: min_addresses = 3 (1..1000000) devices with fewer addresses are left out
-- detail: device_id
-- note: A phone gets a new address with every network it joins, and IPv6 changes them by itself: countries say more than addresses.
-- note: A second country may be a journey, or a VPN that was switched on. Many inquiries besides are a reason to look.
-- note: Sessions without a device id or an address are left out. first_seen and last_seen lie within the range.

WITH by_address AS (
  SELECT
    device_id,
    ip_address,
    COUNT(*) AS sessions,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM sessions
  WHERE device_id IS NOT NULL AND ip_address IS NOT NULL
  GROUP BY device_id, ip_address
),
by_device AS (
  SELECT
    device_id,
    SUM(sessions) AS sessions,
    COUNT(*) AS addresses,
    MIN(first_seen) AS first_seen,
    MAX(last_seen) AS last_seen
  FROM by_address
  GROUP BY device_id
),
candidates AS (
  SELECT device_id, sessions, addresses, first_seen, last_seen
  FROM by_device
  WHERE addresses >= :min_addresses
),
-- Only what belongs to a candidate is grouped again.
candidate_sessions AS (
  SELECT sessions.device_id, sessions.country_code, sessions.inquiry_id
  FROM sessions
  JOIN candidates ON sessions.device_id = candidates.device_id
  WHERE sessions.ip_address IS NOT NULL
),
device_countries AS (
  SELECT device_id, country_code
  FROM candidate_sessions
  WHERE country_code IS NOT NULL
  GROUP BY device_id, country_code
),
countries_by_device AS (
  SELECT device_id, COUNT(*) AS countries
  FROM device_countries
  GROUP BY device_id
),
device_inquiries AS (
  SELECT device_id, inquiry_id
  FROM candidate_sessions
  WHERE inquiry_id IS NOT NULL
  GROUP BY device_id, inquiry_id
),
inquiries_by_device AS (
  SELECT device_id, COUNT(*) AS inquiries
  FROM device_inquiries
  GROUP BY device_id
)
SELECT
  candidates.device_id,
  candidates.sessions,
  COALESCE(inquiries_by_device.inquiries, 0) AS inquiries,
  candidates.addresses,
  COALESCE(countries_by_device.countries, 0) AS countries,
  candidates.first_seen,
  candidates.last_seen
FROM candidates
LEFT JOIN countries_by_device ON candidates.device_id = countries_by_device.device_id
LEFT JOIN inquiries_by_device ON candidates.device_id = inquiries_by_device.device_id
ORDER BY addresses DESC, countries DESC, sessions DESC, device_id ASC NULLS LAST
