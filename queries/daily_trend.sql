-- title: Daily trend
-- question: How do traffic, anonymised networks and high threat levels develop from day to day?
-- key: created_date
-- split: created_date
-- rate: vpn_rate = vpn / vpn_known of sessions
-- rate: tor_rate = tor / tor_known of sessions
-- rate: high_rate = high / assessed of sessions
-- chart: line vpn_rate by created_date
-- detail: created_date
-- note: Days are UTC. A day without a session has no row.
-- note: An inquiry with sessions on two days counts on both: the days' inquiries do not add up to the range's.
-- note: A step in a rate can be a signal that was switched on or off: see how many sessions are unknown, and signal_coverage.

WITH by_inquiry AS (
  -- Grouping twice counts distinct inquiries several times faster than COUNT(DISTINCT …) does.
  SELECT
    created_date,
    inquiry_id,
    COUNT(*) AS sessions,
    COUNT(*) FILTER (WHERE is_vpn) AS vpn,
    COUNT(is_vpn) AS vpn_known,
    COUNT(*) FILTER (WHERE is_tor) AS tor,
    COUNT(is_tor) AS tor_known,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    COUNT(threat_level) AS assessed
  FROM sessions
  GROUP BY created_date, inquiry_id
)
SELECT
  created_date,
  SUM(sessions) AS sessions,
  COUNT(inquiry_id) AS inquiries,
  SUM(vpn) AS vpn,
  SUM(vpn_known) AS vpn_known,
  SUM(tor) AS tor,
  SUM(tor_known) AS tor_known,
  SUM(high) AS high,
  SUM(assessed) AS assessed
FROM by_inquiry
GROUP BY created_date
ORDER BY created_date ASC NULLS LAST
