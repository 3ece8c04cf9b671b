-- title: Networks
-- question: Whose networks do high-threat sessions come from?
-- key: ip_isp, network_organization
-- split: ip_isp
-- distinct: ip_isp, network_organization, inquiry_id
-- rate: high_rate = high / assessed of sessions
-- rate: datacenter_rate = datacenter / datacenter_known of sessions
-- chart: bar high_rate by network_organization
-- parameter: min_sessions = 30 (1..1000000) networks with fewer assessed sessions are marked and ranked last
-- detail: ip_isp
-- detail: network_organization
-- note: A network is a provider and the organisation that it serves, by their names. One company may have several: such rows belong together.
-- note: A large provider has many high-threat sessions because it has many sessions: look at the rate.
-- note: The network is that of the IP address: behind a VPN or a proxy it is the exit's, not the person's.

WITH by_network AS (
  SELECT
    ip_isp,
    network_organization,
    COUNT(*) AS sessions,
    COUNT(DISTINCT inquiry_id) AS inquiries,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    COUNT(threat_level) AS assessed,
    COUNT(*) FILTER (WHERE is_datacenter) AS datacenter,
    COUNT(is_datacenter) AS datacenter_known
  FROM sessions
  GROUP BY ip_isp, network_organization
)
SELECT
  ip_isp,
  network_organization,
  sessions,
  inquiries,
  high,
  assessed,
  datacenter,
  datacenter_known
FROM by_network
ORDER BY
  CASE WHEN assessed < :min_sessions OR datacenter_known < :min_sessions THEN 1 ELSE 0 END,
  high DESC,
  assessed DESC,
  sessions DESC,
  ip_isp ASC NULLS LAST,
  network_organization ASC NULLS LAST
