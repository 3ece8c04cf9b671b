-- title: Device mix
-- question: Which kinds of device and operating system do sessions come from?
-- key: device_type, os_name
-- groups: few
-- rate: share = sessions / total of total
-- chart: bar share by os_name
-- detail: device_type
-- detail: os_name
-- note: Device and system are read from the user agent, which the client chooses; unknown is where it tells neither.

WITH by_device AS (
  SELECT device_type, os_name, COUNT(*) AS sessions
  FROM sessions
  GROUP BY device_type, os_name
)
SELECT
  device_type,
  os_name,
  sessions,
  SUM(sessions) OVER () AS total
FROM by_device
ORDER BY sessions DESC, device_type ASC NULLS LAST, os_name ASC NULLS LAST
