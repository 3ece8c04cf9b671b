-- title: Addresses per device
-- question: Which devices come from several addresses and countries?
-- key: device_id
-- without: trusted_networks
-- split: device_id
-- distinct: device_id, inquiry_id, ip_address, country_code
-- chart: bar addresses by device_id
-- parameter: min_addresses = 3 (1..1000000) devices with fewer addresses are left out
-- detail: device_id
-- note: A phone gets a new address with every network it joins, and IPv6 changes them by itself: countries say more than addresses.
-- note: A second country may be a journey, or a VPN that was switched on. Many inquiries besides are a reason to look.
-- note: Sessions without a device id or an address are left out. first_seen and last_seen lie within the range.

-- Most have one only, and are left out before anything else is counted: the first and the last in whatever order
-- differ where there are several.
WITH several AS (
  SELECT device_id
  FROM sessions
  WHERE device_id IS NOT NULL AND ip_address IS NOT NULL
  GROUP BY device_id
  HAVING MIN(ip_address) < MAX(ip_address) OR :min_addresses < 2
),
by_device AS (
  SELECT
    sessions.device_id AS device_id,
    COUNT(*) AS sessions,
    COUNT(DISTINCT inquiry_id) AS inquiries,
    COUNT(DISTINCT ip_address) AS addresses,
    COUNT(DISTINCT country_code) AS countries,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM sessions
  JOIN several ON sessions.device_id = several.device_id
  WHERE ip_address IS NOT NULL
  GROUP BY sessions.device_id
)
SELECT device_id, sessions, inquiries, addresses, countries, first_seen, last_seen
FROM by_device
WHERE addresses >= :min_addresses
ORDER BY addresses DESC, countries DESC, sessions DESC, device_id ASC NULLS LAST
