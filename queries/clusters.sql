-- title: Clusters
-- question: Which inquiries hang together by devices and addresses that they share?
-- key: name
-- without: trusted_networks
-- distinct: inquiry_id, device_id, ip_address
-- rate: high_rate = high / assessed of sessions
-- chart: bar inquiries by name
-- parameter: min_inquiries = 3 (1..1000000) clusters of fewer inquiries are left out
-- parameter: min_shared = 3 (2..1000000) a device or an address of fewer inquiries joins nothing
-- parameter: hub_limit = 50 (2..1000000) a device or an address of more inquiries joins nothing and is shown as a hub
-- then: clusters
-- note: A row of the kind cluster is a group of inquiries, each of which shares a device or an address with another one of them; its name is the smallest id among them. Its figures are of the sessions that share something, and not of others of these inquiries. A family, a shop or somebody who tries again are such groups too: look at the countries, the devices and the threat levels.
-- note: Hubs are devices and addresses of more than hub_limit inquiries: carriers, offices, VPN exits, test phones. What they have in common says little, so they join nothing; of them devices, addresses and countries are not counted. A ring that is larger than that is among them: look there too.
-- note: Chains of which each link is shared by two inquiries only are joined with min_shared = 2, at the price of many pairs of no interest.

-- Most devices and addresses have one inquiry, and are left out before inquiries are counted: the first and the last
-- in whatever order differ where there are several.
WITH several_by_device AS (
  SELECT device_id
  FROM sessions
  WHERE device_id IS NOT NULL AND inquiry_id IS NOT NULL
  GROUP BY device_id
  HAVING COUNT(*) >= :min_shared AND MIN(inquiry_id) < MAX(inquiry_id)
),
device_inquiries AS (
  SELECT sessions.device_id AS device_id, inquiry_id, COUNT(*) AS sessions
  FROM sessions
  JOIN several_by_device ON sessions.device_id = several_by_device.device_id
  WHERE inquiry_id IS NOT NULL
  GROUP BY sessions.device_id, inquiry_id
),
shared_devices AS (
  SELECT device_id, COUNT(*) AS inquiries, SUM(sessions) AS sessions
  FROM device_inquiries
  GROUP BY device_id
  HAVING COUNT(*) >= :min_shared
),
several_by_address AS (
  SELECT ip_address
  FROM sessions
  WHERE ip_address IS NOT NULL AND inquiry_id IS NOT NULL
  GROUP BY ip_address
  HAVING COUNT(*) >= :min_shared AND MIN(inquiry_id) < MAX(inquiry_id)
),
address_inquiries AS (
  SELECT sessions.ip_address AS ip_address, inquiry_id, COUNT(*) AS sessions
  FROM sessions
  JOIN several_by_address ON sessions.ip_address = several_by_address.ip_address
  WHERE inquiry_id IS NOT NULL
  GROUP BY sessions.ip_address, inquiry_id
),
shared_addresses AS (
  SELECT ip_address, COUNT(*) AS inquiries, SUM(sessions) AS sessions
  FROM address_inquiries
  GROUP BY ip_address
  HAVING COUNT(*) >= :min_shared
),
visits AS (
  SELECT
    sessions.inquiry_id AS inquiry_id,
    sessions.device_id AS device_id,
    sessions.ip_address AS ip_address,
    country_code,
    threat_level,
    created_at
  FROM sessions
  LEFT JOIN shared_devices ON sessions.device_id = shared_devices.device_id
  LEFT JOIN shared_addresses ON sessions.ip_address = shared_addresses.ip_address
  WHERE sessions.inquiry_id IS NOT NULL
    AND (shared_devices.inquiries <= :hub_limit OR shared_addresses.inquiries <= :hub_limit)
),
-- One form for the sessions that share something and for the hubs.
found AS (
  SELECT
    inquiry_id,
    device_id,
    ip_address,
    country_code,
    threat_level,
    created_at,
    CAST(NULL AS BIGINT) AS inquiries,
    CAST(NULL AS BIGINT) AS sessions
  FROM visits
  UNION ALL
  SELECT
    NULL AS inquiry_id,
    device_id,
    NULL AS ip_address,
    CAST(NULL AS STRING) AS country_code,
    CAST(NULL AS STRING) AS threat_level,
    CAST(NULL AS TIMESTAMP) AS created_at,
    inquiries,
    sessions
  FROM shared_devices
  WHERE inquiries > :hub_limit
  UNION ALL
  SELECT
    NULL AS inquiry_id,
    NULL AS device_id,
    ip_address,
    CAST(NULL AS STRING) AS country_code,
    CAST(NULL AS STRING) AS threat_level,
    CAST(NULL AS TIMESTAMP) AS created_at,
    inquiries,
    sessions
  FROM shared_addresses
  WHERE inquiries > :hub_limit
)
SELECT inquiry_id, device_id, ip_address, country_code, threat_level, created_at, inquiries, sessions
FROM found
ORDER BY
  created_at ASC NULLS LAST,
  inquiry_id ASC NULLS LAST,
  device_id ASC NULLS LAST,
  ip_address ASC NULLS LAST,
  country_code ASC NULLS LAST,
  threat_level ASC NULLS LAST
