-- title: Impossible travel
-- question: Which devices and inquiries have sessions in places too far apart for the time between them?
-- key: kind, id, from_session, to_session
-- without: trusted_networks
-- chart: bar km by id
-- parameter: allowance_km = 100 (0..5000) kilometres that the places of two addresses may be wrong by
-- parameter: max_kmh = 1000 (1..100000) kilometres an hour that can be travelled; what is faster is shown
-- distinct: inquiry_id, device_id
-- detail: id = device_id
-- detail: id = inquiry_id
-- then: impossible_travel
-- note: A row is a hop between two sessions of one device or one inquiry that follow each other: km is the distance on the globe, kmh that less allowance_km over the time between. Without time between them there is no kmh, and any distance over allowance_km is too far.
-- note: The places are those of the addresses: a carrier's gateway, an office's central exit or an error of the database looks like travel. Sessions that are known to come through a VPN, a proxy, Tor or a datacenter and those that were handed over from another device are left out; where these signals are not known, they are not.
-- note: A hop of both a device and an inquiry is shown once, as the device's. Two devices in one inquiry can be two people in two places.

WITH placed AS (
  SELECT inquiry_id, device_id, session_id, created_at, country_code, latitude, longitude
  FROM sessions
  WHERE latitude >= -90 AND latitude <= 90
    AND longitude >= -180 AND longitude <= 180
    AND device_handoff_method IS NULL
    AND NOT COALESCE(is_vpn OR is_proxy OR is_tor OR is_datacenter, FALSE)
),
-- Two places are at most 112 km apart for each degree between their latitudes and their longitudes, and no further
-- apart than that across the date line: what is left out here has no two places that are allowance_km apart.
far_inquiries AS (
  SELECT inquiry_id
  FROM placed
  WHERE inquiry_id IS NOT NULL
  GROUP BY inquiry_id
  HAVING 112 * (MAX(latitude) - MIN(latitude) + MAX(longitude) - MIN(longitude)) > :allowance_km
),
far_devices AS (
  SELECT device_id
  FROM placed
  WHERE device_id IS NOT NULL
  GROUP BY device_id
  HAVING 112 * (MAX(latitude) - MIN(latitude) + MAX(longitude) - MIN(longitude)) > :allowance_km
),
candidates AS (
  SELECT
    NULL AS device_id,
    placed.inquiry_id AS inquiry_id,
    session_id,
    created_at,
    country_code,
    latitude,
    longitude
  FROM placed
  JOIN far_inquiries ON placed.inquiry_id = far_inquiries.inquiry_id
  UNION ALL
  SELECT
    placed.device_id AS device_id,
    NULL AS inquiry_id,
    session_id,
    created_at,
    country_code,
    latitude,
    longitude
  FROM placed
  JOIN far_devices ON placed.device_id = far_devices.device_id
)
SELECT device_id, inquiry_id, session_id, created_at, country_code, latitude, longitude
FROM candidates
ORDER BY
  device_id ASC NULLS LAST,
  inquiry_id ASC NULLS LAST,
  created_at ASC NULLS LAST,
  session_id ASC NULLS LAST
