-- title: Inquiries per address
-- question: Which IP addresses do several inquiries come from?
-- key: ip_address
-- without: trusted_networks
-- split: ip_address
-- distinct: ip_address, inquiry_id, device_id
-- chart: bar inquiries by ip_address
-- parameter: min_inquiries = 2 (1..1000000) addresses with fewer inquiries are left out
-- detail: ip_address
-- note: Offices, mobile carriers and VPN exits put many people behind one address: sharing one is no proof of anything.
-- note: Sessions whose address is not known are left out. Devices are those with an id: 0 means that none was given.
-- note: first_seen and last_seen lie within the range; the address may have been seen before.

-- Most have one only, and are left out before anything else is counted: the first and the last in whatever order
-- differ where there are several.
WITH several AS (
  SELECT ip_address
  FROM sessions
  WHERE ip_address IS NOT NULL
  GROUP BY ip_address
  HAVING MIN(inquiry_id) < MAX(inquiry_id) OR :min_inquiries < 2
),
by_address AS (
  SELECT
    sessions.ip_address AS ip_address,
    COUNT(*) AS sessions,
    COUNT(DISTINCT inquiry_id) AS inquiries,
    COUNT(DISTINCT device_id) AS devices,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM sessions
  JOIN several ON sessions.ip_address = several.ip_address
  GROUP BY sessions.ip_address
)
SELECT ip_address, sessions, inquiries, devices, first_seen, last_seen
FROM by_address
WHERE inquiries >= :min_inquiries
ORDER BY inquiries DESC, sessions DESC, ip_address ASC NULLS LAST
