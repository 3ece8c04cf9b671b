-- title: Inquiries per address
-- question: Which IP addresses do several inquiries come from?
-- key: ip_address
-- without: trusted_networks
-- split: ip_address
-- chart: bar inquiries by ip_address
-- parameter: min_inquiries = 2 (1..1000000) addresses with fewer inquiries are left out
-- detail: ip_address
-- note: Offices, mobile carriers and VPN exits put many people behind one address: sharing one is no proof of anything.
-- note: Sessions whose address is not known are left out. Devices are those with an id: 0 means that none was given.
-- note: first_seen and last_seen lie within the range; the address may have been seen before.

WITH by_inquiry AS (
  SELECT
    ip_address,
    inquiry_id,
    COUNT(*) AS sessions,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM sessions
  WHERE ip_address IS NOT NULL
  GROUP BY ip_address, inquiry_id
),
by_address AS (
  SELECT
    ip_address,
    SUM(sessions) AS sessions,
    COUNT(inquiry_id) AS inquiries,
    MIN(first_seen) AS first_seen,
    MAX(last_seen) AS last_seen
  FROM by_inquiry
  GROUP BY ip_address
),
address_devices AS (
  SELECT ip_address, device_id
  FROM sessions
  WHERE ip_address IS NOT NULL AND device_id IS NOT NULL
  GROUP BY ip_address, device_id
),
devices_by_address AS (
  SELECT ip_address, COUNT(*) AS devices
  FROM address_devices
  GROUP BY ip_address
)
SELECT
  by_address.ip_address,
  by_address.sessions,
  by_address.inquiries,
  COALESCE(devices_by_address.devices, 0) AS devices,
  by_address.first_seen,
  by_address.last_seen
FROM by_address
LEFT JOIN devices_by_address ON by_address.ip_address = devices_by_address.ip_address
WHERE by_address.inquiries >= :min_inquiries
ORDER BY inquiries DESC, sessions DESC, ip_address ASC NULLS LAST
