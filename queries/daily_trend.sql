-- title: Daily trend
-- question: How do traffic, anonymised networks and high threat levels develop from day to day?
-- key: created_date
-- split: created_date
-- distinct: inquiry_id
-- rate: vpn_rate = vpn / vpn_known of sessions
-- rate: tor_rate = tor / tor_known of sessions
-- rate: high_rate = high / assessed of sessions
-- chart: line vpn_rate by created_date
-- detail: created_date
-- note: Days are UTC. A day without a session has no row.
-- note: An inquiry with sessions on two days counts on both: the days' inquiries do not add up to the range's.
-- note: A step in a rate can be a signal that was switched on or off: see how many sessions are unknown, and signal_coverage.

SELECT
  created_date,
  COUNT(*) AS sessions,
  COUNT(DISTINCT inquiry_id) AS inquiries,
  COUNT(*) FILTER (WHERE is_vpn) AS vpn,
  COUNT(is_vpn) AS vpn_known,
  COUNT(*) FILTER (WHERE is_tor) AS tor,
  COUNT(is_tor) AS tor_known,
  COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
  COUNT(threat_level) AS assessed
FROM sessions
GROUP BY created_date
ORDER BY created_date ASC NULLS LAST
