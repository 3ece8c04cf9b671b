-- title: Inquiries per device
-- question: Which devices do several inquiries come from?
-- key: device_id
-- without: trusted_networks
-- split: device_id
-- distinct: device_id, inquiry_id, ip_address, country_code
-- chart: bar inquiries by device_id
-- parameter: min_inquiries = 2 (1..1000000) devices with fewer inquiries are left out
-- detail: device_id
-- note: A family, a shop or a tester may share a device; one person may also repeat an inquiry. Look before you judge.
-- note: Sessions without a device id are left out: signal_coverage tells how many those are.
-- note: Addresses and countries are those that are known. A phone changes its address often, a VPN its country.

-- Most have one only, and are left out before anything else is counted: the first and the last in whatever order
-- differ where there are several.
WITH several AS (
  SELECT device_id
  FROM sessions
  WHERE device_id IS NOT NULL
  GROUP BY device_id
  HAVING MIN(inquiry_id) < MAX(inquiry_id) OR :min_inquiries < 2
),
by_device AS (
  SELECT
    sessions.device_id AS device_id,
    COUNT(*) AS sessions,
    COUNT(DISTINCT inquiry_id) AS inquiries,
    COUNT(DISTINCT ip_address) AS addresses,
    COUNT(DISTINCT country_code) AS countries
  FROM sessions
  JOIN several ON sessions.device_id = several.device_id
  GROUP BY sessions.device_id
)
SELECT device_id, sessions, inquiries, addresses, countries
FROM by_device
WHERE inquiries >= :min_inquiries
ORDER BY inquiries DESC, sessions DESC, device_id ASC NULLS LAST
