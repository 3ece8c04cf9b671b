-- title: GPS against the address
-- question: How far is the device from where its address says, and is it in another country?
-- key: country_code
-- rate: far_rate = far / gps_known of sessions
-- rate: mismatch_rate = mismatched / compared of sessions
-- chart: bar far_rate by country_code
-- parameter: far_km = 200 (1..20000) kilometres from the address's place from where on a device counts as far
-- parameter: min_known = 30 (1..1000000) countries with fewer devices whose place is known are ranked last
-- detail: country_code
-- then: gps_distance
-- note: The distance is between the device's place (GPS) and its address's. It is known where the device was asked and its owner allowed it; the device's place is taken to a tenth of a degree, so a distance may be off by 8 km, and median_km is that of a session itself (nearest rank).
-- note: An address's place is often wrong by tens of kilometres, on mobile networks by hundreds: a carrier's gateway is not where the phone is. Behind a VPN or a proxy it is the exit's. A device that says a false place looks just as far.
-- note: compared are the sessions with both countries known, mismatched those where they differ. Persona gives the device's country since 2026-09-29; near a border one or the other may be wrong.

WITH checked AS (
  SELECT
    country_code,
    gps_country_code,
    latitude,
    longitude,
    gps_latitude,
    gps_longitude,
    COALESCE(
      latitude >= -90 AND latitude <= 90 AND longitude >= -180 AND longitude <= 180
        AND gps_latitude >= -90 AND gps_latitude <= 90 AND gps_longitude >= -180 AND gps_longitude <= 180,
      FALSE
    ) AS placed
  FROM sessions
),
cells AS (
  SELECT
    country_code,
    gps_country_code,
    CASE WHEN placed THEN latitude ELSE NULL END AS latitude,
    CASE WHEN placed THEN longitude ELSE NULL END AS longitude,
    CASE WHEN placed THEN CAST(FLOOR(gps_latitude * 10) AS BIGINT) ELSE NULL END AS gps_latitude_tenths,
    CASE WHEN placed THEN CAST(FLOOR(gps_longitude * 10) AS BIGINT) ELSE NULL END AS gps_longitude_tenths
  FROM checked
)
SELECT
  country_code,
  gps_country_code,
  gps_latitude_tenths,
  gps_longitude_tenths,
  latitude,
  longitude,
  COUNT(*) AS sessions
FROM cells
GROUP BY country_code, gps_country_code, gps_latitude_tenths, gps_longitude_tenths, latitude, longitude
ORDER BY
  country_code ASC NULLS LAST,
  gps_country_code ASC NULLS LAST,
  gps_latitude_tenths ASC NULLS LAST,
  gps_longitude_tenths ASC NULLS LAST,
  latitude ASC NULLS LAST,
  longitude ASC NULLS LAST
