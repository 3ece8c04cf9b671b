-- title: New and rare countries
-- question: Which countries do sessions come from that had none, or hardly any, in the four weeks before?
-- key: country_code
-- rate: high_rate = high / assessed of sessions
-- chart: bar sessions by country_code
-- before: 28d
-- groups: few
-- parameter: rare_below = 10 (1..1000000) countries with so many sessions before the range or more are left out
-- detail: country_code
-- note: New is what none of the 28 days before the range has; rare, what they have less often than rare_below. Other countries are left out.
-- note: Where the lake lacks some of these days, what the others do not have is perhaps new; where it lacks them all, nothing is known.
-- note: first_seen is of the range and these days. The country is that of the IP address: a new one may be a new market, or a VPN's exit.

WITH by_country AS (
  SELECT
    country_code,
    MAX(country_name) AS country_name,
    COUNT(*) FILTER (WHERE in_range) AS sessions,
    COUNT(*) FILTER (WHERE NOT in_range) AS sessions_before,
    MIN(created_at) AS first_seen,
    COUNT(*) FILTER (WHERE in_range AND threat_level = 'high') AS high,
    COUNT(*) FILTER (WHERE in_range AND threat_level IS NOT NULL) AS assessed
  FROM sessions
  WHERE country_code IS NOT NULL
  GROUP BY country_code
)
SELECT
  country_code,
  country_name,
  CASE
    WHEN sessions_before > 0 THEN 'rare'
    WHEN :missing_before = 0 THEN 'new'
    WHEN :missing_before < 28 THEN 'perhaps new'
  END AS history,
  sessions,
  sessions_before,
  first_seen,
  high,
  assessed
FROM by_country
WHERE sessions > 0 AND sessions_before < :rare_below
ORDER BY
  CASE WHEN sessions_before = 0 THEN 0 ELSE 1 END,
  sessions DESC,
  country_code ASC NULLS LAST
