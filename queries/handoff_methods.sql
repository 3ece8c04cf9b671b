-- title: Handoff methods
-- question: How do people change from one device to another?
-- key: device_handoff_method
-- groups: few
-- rate: share = sessions / handoffs of handoffs
-- rate: high_rate = high / assessed of sessions
-- chart: bar share by device_handoff_method
-- detail: device_handoff_method
-- note: Shares are of the sessions that tell a method. All others are left out: where nobody changes devices there is none.
-- note: A handoff is ordinary and makes a second session of its inquiry. A link by email or SMS can also be sent on to somebody else.

WITH by_method AS (
  SELECT
    device_handoff_method,
    COUNT(*) AS sessions,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    COUNT(threat_level) AS assessed
  FROM sessions
  WHERE device_handoff_method IS NOT NULL
  GROUP BY device_handoff_method
)
SELECT
  device_handoff_method,
  sessions,
  SUM(sessions) OVER () AS handoffs,
  high,
  assessed
FROM by_method
ORDER BY sessions DESC, device_handoff_method ASC NULLS LAST
