-- title: Time to start
-- question: How long does it take until sessions are started?
-- key: device_type
-- chart: bar median_seconds by device_type
-- detail: device_type
-- then: time_to_start
-- note: Half of the started sessions were started within median_seconds after they were created, 95 % within p95_seconds: both are seconds of a session itself (nearest rank), of an even number the lower of the two in the middle.
-- note: Sessions that were not started have no such time: where many are not (started_rate), the figures are those of the willing.
-- note: Both moments are cut to the second, so a time may be off by less than one. A start that stands before the creation, by an odd clock, counts as a time below zero.

WITH parts AS (
  -- The engines have no common way to subtract moments: it is done by year, day and second.
  SELECT
    device_type,
    CAST(EXTRACT(YEAR FROM created_at) AS BIGINT) - 1 AS years_to_creation,
    CAST(EXTRACT(YEAR FROM started_at) AS BIGINT) - 1 AS years_to_start,
    CAST(EXTRACT(DOY FROM started_at) AS BIGINT) - CAST(EXTRACT(DOY FROM created_at) AS BIGINT) AS days,
    3600 * (CAST(EXTRACT(HOUR FROM started_at) AS BIGINT) - CAST(EXTRACT(HOUR FROM created_at) AS BIGINT))
      + 60 * (CAST(EXTRACT(MINUTE FROM started_at) AS BIGINT) - CAST(EXTRACT(MINUTE FROM created_at) AS BIGINT))
      + CAST(FLOOR(EXTRACT(SECOND FROM started_at)) AS BIGINT)
      - CAST(FLOOR(EXTRACT(SECOND FROM created_at)) AS BIGINT) AS seconds
  FROM sessions
),
waits AS (
  SELECT
    device_type,
    seconds + 86400 * (
      days
      + 365 * (years_to_start - years_to_creation)
      -- Leap days: the divisions leave no remainder.
      + CAST((years_to_start - MOD(years_to_start, 4) - years_to_creation + MOD(years_to_creation, 4)) / 4 AS BIGINT)
      - CAST((years_to_start - MOD(years_to_start, 100) - years_to_creation + MOD(years_to_creation, 100)) / 100 AS BIGINT)
      + CAST((years_to_start - MOD(years_to_start, 400) - years_to_creation + MOD(years_to_creation, 400)) / 400 AS BIGINT)
    ) AS seconds
  FROM parts
)
SELECT device_type, seconds, COUNT(*) AS sessions
FROM waits
GROUP BY device_type, seconds
ORDER BY device_type ASC NULLS LAST, seconds ASC NULLS LAST
