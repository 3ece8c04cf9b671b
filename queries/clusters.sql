-- title: Clusters
-- question: Which inquiries hang together by devices and addresses that they share?
-- key: name
-- rate: high_rate = high / assessed of sessions
-- chart: bar inquiries by name
-- parameter: min_inquiries = 3 (2..1000000) clusters of fewer inquiries are left out
-- parameter: min_shared = 3 (2..1000000) a device or an address of fewer inquiries joins nothing
-- parameter: hub_limit = 50 (2..1000000) a device or an address of more inquiries joins nothing and is shown as a hub
-- then: clusters
-- note: A row of the kind cluster is a group of inquiries, each of which shares a device or an address with another one of them; its name is the smallest id among them. A family, a shop or somebody who tries again are such groups too: look at the countries, the devices and the threat levels.
-- note: Hubs are devices and addresses of more than hub_limit inquiries: carriers, offices, VPN exits, test phones. What they have in common says little, so they join nothing; of them devices, addresses and countries are not counted. A ring that is larger than that is among them: look there too.
-- note: Chains of which each link is shared by two inquiries only are joined with min_shared = 2, at the price of many pairs of no interest.

WITH device_inquiries AS (
  SELECT device_id, inquiry_id, COUNT(*) AS sessions
  FROM sessions
  WHERE device_id IS NOT NULL AND inquiry_id IS NOT NULL
  GROUP BY device_id, inquiry_id
),
shared_devices AS (
  SELECT device_id, COUNT(*) AS inquiries, SUM(sessions) AS sessions
  FROM device_inquiries
  GROUP BY device_id
  HAVING COUNT(*) >= :min_shared
),
address_inquiries AS (
  SELECT ip_address, inquiry_id, COUNT(*) AS sessions
  FROM sessions
  WHERE ip_address IS NOT NULL AND inquiry_id IS NOT NULL
  GROUP BY ip_address, inquiry_id
),
shared_addresses AS (
  SELECT ip_address, COUNT(*) AS inquiries, SUM(sessions) AS sessions
  FROM address_inquiries
  GROUP BY ip_address
  HAVING COUNT(*) >= :min_shared
),
joined AS (
  SELECT device_inquiries.inquiry_id AS inquiry_id
  FROM device_inquiries
  JOIN shared_devices ON device_inquiries.device_id = shared_devices.device_id
  WHERE shared_devices.inquiries <= :hub_limit
  UNION ALL
  SELECT address_inquiries.inquiry_id
  FROM address_inquiries
  JOIN shared_addresses ON address_inquiries.ip_address = shared_addresses.ip_address
  WHERE shared_addresses.inquiries <= :hub_limit
),
candidates AS (
  SELECT inquiry_id
  FROM joined
  GROUP BY inquiry_id
),
visits AS (
  SELECT
    sessions.inquiry_id AS inquiry_id,
    device_id,
    ip_address,
    country_code,
    COUNT(*) AS sessions,
    COUNT(threat_level) AS assessed,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM sessions
  JOIN candidates ON sessions.inquiry_id = candidates.inquiry_id
  GROUP BY sessions.inquiry_id, device_id, ip_address, country_code
),
-- One form for the candidates and the hubs.
found AS (
  SELECT
    inquiry_id,
    device_id,
    ip_address,
    country_code,
    CAST(NULL AS BIGINT) AS inquiries,
    sessions,
    assessed,
    high,
    first_seen,
    last_seen
  FROM visits
  UNION ALL
  SELECT
    CAST(NULL AS STRING) AS inquiry_id,
    device_id,
    CAST(NULL AS STRING) AS ip_address,
    CAST(NULL AS STRING) AS country_code,
    inquiries,
    sessions,
    CAST(NULL AS BIGINT) AS assessed,
    CAST(NULL AS BIGINT) AS high,
    CAST(NULL AS TIMESTAMP) AS first_seen,
    CAST(NULL AS TIMESTAMP) AS last_seen
  FROM shared_devices
  WHERE inquiries > :hub_limit
  UNION ALL
  SELECT
    CAST(NULL AS STRING) AS inquiry_id,
    CAST(NULL AS STRING) AS device_id,
    ip_address,
    CAST(NULL AS STRING) AS country_code,
    inquiries,
    sessions,
    CAST(NULL AS BIGINT) AS assessed,
    CAST(NULL AS BIGINT) AS high,
    CAST(NULL AS TIMESTAMP) AS first_seen,
    CAST(NULL AS TIMESTAMP) AS last_seen
  FROM shared_addresses
  WHERE inquiries > :hub_limit
)
SELECT inquiry_id, device_id, ip_address, country_code, inquiries, sessions, assessed, high, first_seen, last_seen
FROM found
ORDER BY
  inquiry_id ASC NULLS LAST,
  device_id ASC NULLS LAST,
  ip_address ASC NULLS LAST,
  country_code ASC NULLS LAST
