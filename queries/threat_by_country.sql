-- title: Threat level by country
-- question: Which countries send the most high-threat sessions?
-- key: country_code
-- groups: few
-- rate: high_rate = high / assessed of sessions
-- chart: bar high_rate by country_code
-- parameter: min_sessions = 30 (1..1000000) countries with fewer assessed sessions are marked and ranked last
-- detail: country_code
-- note: The country is that of the IP address: behind a VPN or a proxy it is the exit's, not the person's.
-- note: Persona does not publish how it sets the threat level; it is a reason to look, not a verdict.

WITH by_country AS (
  SELECT
    country_code,
    -- One code comes with several names ("United States", "United States of America"): one is picked.
    MAX(country_name) AS country_name,
    COUNT(*) AS sessions,
    COUNT(threat_level) AS assessed,
    COUNT(*) FILTER (WHERE threat_level = 'low') AS low,
    COUNT(*) FILTER (WHERE threat_level = 'medium') AS medium,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high
  FROM sessions
  GROUP BY country_code
)
SELECT
  country_code,
  -- A name without a code names nobody's country for certain.
  CASE WHEN country_code IS NULL THEN NULL ELSE country_name END AS country_name,
  sessions,
  assessed,
  low,
  medium,
  high,
  assessed - low - medium - high AS other
FROM by_country
ORDER BY
  CASE WHEN assessed < :min_sessions THEN 1 ELSE 0 END,
  high DESC,
  assessed DESC,
  country_code ASC NULLS LAST
