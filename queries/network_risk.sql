-- title: Network risk
-- question: How many sessions come through a VPN, a proxy, Tor or a data centre?
-- groups: few
-- rate: vpn_rate = vpn / vpn_known of sessions
-- rate: tor_rate = tor / tor_known of sessions
-- rate: proxy_rate = proxy / proxy_known of sessions
-- rate: datacenter_rate = datacenter / datacenter_known of sessions
-- rate: anonymised_rate = anonymised / anonymised_known of sessions
-- note: A signal that is not configured is null, not clean: each rate is over the sessions where its signal is known.
-- note: Anonymised means any of VPN, proxy and Tor; it is known where one of them is true or all three are known.

SELECT
  COUNT(*) AS sessions,
  COUNT(*) FILTER (WHERE is_vpn) AS vpn,
  COUNT(is_vpn) AS vpn_known,
  COUNT(*) FILTER (WHERE is_tor) AS tor,
  COUNT(is_tor) AS tor_known,
  COUNT(*) FILTER (WHERE is_proxy) AS proxy,
  COUNT(is_proxy) AS proxy_known,
  COUNT(*) FILTER (WHERE is_datacenter) AS datacenter,
  COUNT(is_datacenter) AS datacenter_known,
  COUNT(*) FILTER (WHERE is_vpn OR is_proxy OR is_tor) AS anonymised,
  -- Three-valued OR: true if one is true, null if none is and one is null.
  COUNT(*) FILTER (WHERE (is_vpn OR is_proxy OR is_tor) IS NOT NULL) AS anonymised_known
FROM sessions
