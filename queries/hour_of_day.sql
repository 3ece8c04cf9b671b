-- title: Hour of day
-- question: At which hours do sessions come, and when are more of them from VPNs or high in threat?
-- key: hour
-- groups: few
-- rate: high_rate = high / assessed of sessions
-- rate: vpn_rate = vpn / vpn_known of sessions
-- chart: line high_rate by hour
-- detail: hour = CAST(EXTRACT(HOUR FROM created_at) AS BIGINT)
-- note: Hours are UTC: off_hours goes by the hour where the people are. An hour without a session has no row.
-- note: A quiet hour has few sessions: compare the intervals, not the rates. One bad day in an hour looks like an hour that is bad each day.

WITH by_session AS (
  SELECT
    CAST(EXTRACT(HOUR FROM created_at) AS BIGINT) AS hour,
    threat_level,
    is_vpn
  FROM sessions
)
SELECT
  hour,
  COUNT(*) AS sessions,
  COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
  COUNT(threat_level) AS assessed,
  COUNT(*) FILTER (WHERE is_vpn) AS vpn,
  COUNT(is_vpn) AS vpn_known
FROM by_session
GROUP BY hour
ORDER BY hour ASC NULLS LAST
