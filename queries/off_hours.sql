-- title: Off-hours
-- question: Which countries' sessions come in the middle of their night?
-- key: country_code
-- groups: few
-- rate: off_hours_rate = off_hours / local_known of sessions
-- chart: bar off_hours_rate by country_code
-- parameter: night_from = 0 (0..23) the first hour of the night, local
-- parameter: night_until = 5 (0..23) the last hour of the night, included
-- parameter: min_sessions = 30 (1..1000000) countries with fewer sessions of a known hour are marked and ranked last
-- detail: country_code
-- note: The night goes from 0 to 6 o'clock, unless night_from and night_until say otherwise. Sessions of no known longitude are unknown, not day.
-- note: The hour is the sun's, one from UTC for each 15 degrees of the address's longitude: clocks differ from it by an hour or two.
-- note: Behind a VPN or a proxy the night is the exit's, not the person's. And people do sit up late: compare countries with their neighbours.

WITH placed AS (
  SELECT
    country_code,
    CAST(EXTRACT(HOUR FROM created_at) AS BIGINT) AS utc_hour,
    -- What is no longitude is not known either.
    CASE WHEN longitude >= -180 AND longitude <= 180 THEN longitude END AS longitude
  FROM sessions
),
by_hour AS (
  SELECT
    country_code,
    -- The nearest multiple of 15 degrees, in hours: from -12 to 12. 24 more keeps the remainder positive.
    (utc_hour + CAST(FLOOR((longitude * 2 + 15) / 30) AS BIGINT) + 24) % 24 AS local_hour
  FROM placed
),
by_country AS (
  SELECT
    country_code,
    COUNT(*) AS sessions,
    -- How long after the night's begin, round the clock.
    COUNT(*) FILTER (
      WHERE (local_hour + 24 - :night_from) % 24 <= (:night_until + 24 - :night_from) % 24
    ) AS off_hours,
    COUNT(local_hour) AS local_known
  FROM by_hour
  GROUP BY country_code
)
SELECT country_code, sessions, off_hours, local_known
FROM by_country
ORDER BY
  CASE WHEN local_known < :min_sessions THEN 1 ELSE 0 END,
  off_hours DESC,
  local_known DESC,
  sessions DESC,
  country_code ASC NULLS LAST
