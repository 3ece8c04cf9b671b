-- title: Signal coverage
-- question: For how many sessions is each risk signal known?
-- key: signal
-- groups: few
-- rate: known_rate = known / sessions of sessions
-- chart: bar known_rate by signal
-- note: Null is not "no": a signal that the template does not have, or that the key may not see, is known of no session.
-- note: GPS is only known where it was asked for and allowed, a handoff only where there was one: there few are ordinary.
-- note: coordinates are the address's latitude and longitude, gps_coordinates the device's; both must be known.

WITH counted AS (
  SELECT
    COUNT(*) AS sessions,
    COUNT(ip_address) AS ip_address,
    COUNT(threat_level) AS threat_level,
    COUNT(is_vpn) AS is_vpn,
    COUNT(is_tor) AS is_tor,
    COUNT(is_proxy) AS is_proxy,
    COUNT(is_datacenter) AS is_datacenter,
    COUNT(ip_connection_type) AS ip_connection_type,
    COUNT(ip_isp) AS ip_isp,
    COUNT(network_id) AS network_id,
    COUNT(network_organization) AS network_organization,
    COUNT(country_code) AS country_code,
    COUNT(region_code) AS region_code,
    COUNT(*) FILTER (WHERE latitude IS NOT NULL AND longitude IS NOT NULL) AS coordinates,
    COUNT(*) FILTER (WHERE gps_latitude IS NOT NULL AND gps_longitude IS NOT NULL) AS gps_coordinates,
    COUNT(gps_country_code) AS gps_country_code,
    COUNT(device_id) AS device_id,
    COUNT(device_type) AS device_type,
    COUNT(user_agent) AS user_agent,
    COUNT(device_handoff_method) AS device_handoff_method
  FROM sessions
),
by_signal AS (
  SELECT 'ip_address' AS signal, sessions, ip_address AS known FROM counted
  UNION ALL SELECT 'threat_level', sessions, threat_level FROM counted
  UNION ALL SELECT 'is_vpn', sessions, is_vpn FROM counted
  UNION ALL SELECT 'is_tor', sessions, is_tor FROM counted
  UNION ALL SELECT 'is_proxy', sessions, is_proxy FROM counted
  UNION ALL SELECT 'is_datacenter', sessions, is_datacenter FROM counted
  UNION ALL SELECT 'ip_connection_type', sessions, ip_connection_type FROM counted
  UNION ALL SELECT 'ip_isp', sessions, ip_isp FROM counted
  UNION ALL SELECT 'network_id', sessions, network_id FROM counted
  UNION ALL SELECT 'network_organization', sessions, network_organization FROM counted
  UNION ALL SELECT 'country_code', sessions, country_code FROM counted
  UNION ALL SELECT 'region_code', sessions, region_code FROM counted
  UNION ALL SELECT 'coordinates', sessions, coordinates FROM counted
  UNION ALL SELECT 'gps_coordinates', sessions, gps_coordinates FROM counted
  UNION ALL SELECT 'gps_country_code', sessions, gps_country_code FROM counted
  UNION ALL SELECT 'device_id', sessions, device_id FROM counted
  UNION ALL SELECT 'device_type', sessions, device_type FROM counted
  UNION ALL SELECT 'user_agent', sessions, user_agent FROM counted
  UNION ALL SELECT 'device_handoff_method', sessions, device_handoff_method FROM counted
)
SELECT signal, sessions, known
FROM by_signal
ORDER BY known DESC, signal ASC NULLS LAST
