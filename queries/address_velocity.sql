-- title: Bursts from one address
-- question: Which IP addresses send many sessions within minutes, an hour or a day?
-- key: ip_address
-- without: trusted_networks
-- distinct: ip_address, inquiry_id
-- chart: bar most_1h by ip_address
-- parameter: min_burst = 10 (2..1000000) addresses with fewer sessions within any 24 hours are left out
-- detail: ip_address
-- then: address_velocity
-- note: most_5m, most_1h and most_24h are the most sessions that were created within 5 minutes, 1 hour and 24 hours, wherever these begin; inquiries_… are the most different inquiries. busiest_hour is when the first hour with most_1h sessions begins.
-- note: Carriers, offices, schools and VPN exits put many people behind one address: their bursts are those of a working day. A handoff makes two sessions of one inquiry, so look at the inquiries.
-- note: Sessions whose address is not known are left out. A burst that crosses the range's ends is seen in part.

WITH frequent AS (
  SELECT ip_address
  FROM sessions
  WHERE ip_address IS NOT NULL
  GROUP BY ip_address
  HAVING COUNT(*) >= :min_burst
),
by_day AS (
  SELECT sessions.ip_address AS ip_address, created_date, COUNT(*) AS sessions
  FROM sessions
  JOIN frequent ON sessions.ip_address = frequent.ip_address
  GROUP BY sessions.ip_address, created_date
),
busy AS (
  -- 24 hours lie on two dates at most, so that one of them has half of a burst.
  SELECT ip_address
  FROM by_day
  GROUP BY ip_address
  HAVING 2 * MAX(sessions) >= :min_burst
)
SELECT sessions.ip_address, sessions.created_at, sessions.inquiry_id
FROM sessions
JOIN busy ON sessions.ip_address = busy.ip_address
ORDER BY ip_address ASC NULLS LAST, created_at ASC NULLS LAST, inquiry_id ASC NULLS LAST
