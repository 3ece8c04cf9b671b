-- title: Connection types
-- question: Over which kinds of connection do sessions come, and how many of each are anonymised?
-- key: ip_connection_type
-- groups: few
-- rate: share = sessions / total of total
-- rate: anonymised_rate = anonymised / anonymised_known of sessions
-- rate: high_rate = high / assessed of sessions
-- chart: bar share by ip_connection_type
-- detail: ip_connection_type
-- note: The type is that of the address: behind a VPN it is the exit's, which as a rule is a data centre.
-- note: A residential or mobile address proves no person at home: residential proxies rent such addresses out.
-- note: Anonymised means any of VPN, proxy and Tor; it is known where one of them is true or all three are known.

WITH by_type AS (
  SELECT
    ip_connection_type,
    COUNT(*) AS sessions,
    COUNT(*) FILTER (WHERE is_vpn OR is_proxy OR is_tor) AS anonymised,
    COUNT(*) FILTER (WHERE (is_vpn OR is_proxy OR is_tor) IS NOT NULL) AS anonymised_known,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    COUNT(threat_level) AS assessed
  FROM sessions
  GROUP BY ip_connection_type
)
SELECT
  ip_connection_type,
  sessions,
  SUM(sessions) OVER () AS total,
  anonymised,
  anonymised_known,
  high,
  assessed
FROM by_type
ORDER BY sessions DESC, ip_connection_type ASC NULLS LAST
