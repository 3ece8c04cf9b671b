-- title: Inquiries per device
-- question: Which devices do several inquiries come from?
-- key: device_id
-- without: trusted_networks
-- split: device_id
-- chart: bar inquiries by device_id
-- parameter: min_inquiries = 2 (1..1000000) devices with fewer inquiries are left out
-- detail: device_id
-- note: A family, a shop or a tester may share a device; one person may also repeat an inquiry. Look before you judge.
-- note: Sessions without a device id are left out: signal_coverage tells how many those are.
-- note: Addresses and countries are those that are known. A phone changes its address often, a VPN its country.

WITH by_inquiry AS (
  SELECT device_id, inquiry_id, COUNT(*) AS sessions
  FROM sessions
  WHERE device_id IS NOT NULL
  GROUP BY device_id, inquiry_id
),
by_device AS (
  SELECT device_id, SUM(sessions) AS sessions, COUNT(inquiry_id) AS inquiries
  FROM by_inquiry
  GROUP BY device_id
),
device_addresses AS (
  SELECT device_id, ip_address
  FROM sessions
  WHERE device_id IS NOT NULL AND ip_address IS NOT NULL
  GROUP BY device_id, ip_address
),
addresses_by_device AS (
  SELECT device_id, COUNT(*) AS addresses
  FROM device_addresses
  GROUP BY device_id
),
device_countries AS (
  SELECT device_id, country_code
  FROM sessions
  WHERE device_id IS NOT NULL AND country_code IS NOT NULL
  GROUP BY device_id, country_code
),
countries_by_device AS (
  SELECT device_id, COUNT(*) AS countries
  FROM device_countries
  GROUP BY device_id
)
SELECT
  by_device.device_id,
  by_device.sessions,
  by_device.inquiries,
  COALESCE(addresses_by_device.addresses, 0) AS addresses,
  COALESCE(countries_by_device.countries, 0) AS countries
FROM by_device
LEFT JOIN addresses_by_device ON by_device.device_id = addresses_by_device.device_id
LEFT JOIN countries_by_device ON by_device.device_id = countries_by_device.device_id
WHERE by_device.inquiries >= :min_inquiries
ORDER BY inquiries DESC, sessions DESC, device_id ASC NULLS LAST
