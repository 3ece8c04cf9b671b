-- title: Device changes
-- question: In which inquiries does the device or its system change, other than by a handoff?
-- key: inquiry_id
-- split: inquiry_id
-- distinct: inquiry_id, device_id, device_type, os_name, device_handoff_method
-- chart: bar systems by inquiry_id
-- detail: inquiry_id
-- note: Sessions with a handoff method are left out, and so are the others on the device that it led to: such a change is meant. Where that device is not known, which of the others are on it cannot be told, and the inquiry is left out.
-- note: Another system says more than another device id, which a person may get by clearing the browser. Type and system are read from the user agent, which the client chooses.
-- note: What is not known is no change. Counted are the sessions that are not left out, and what is known of them.

-- The first and the last in whatever order differ where there are several. A device that somebody was handed over to does
-- not count, and an inquiry whose handoff led to a device that is not known has nothing that is left to be counted.
WITH several AS (
  SELECT inquiry_id
  FROM sessions
  WHERE inquiry_id IS NOT NULL AND device_handoff_method IS NULL
  GROUP BY inquiry_id
  HAVING MIN(device_id) < MAX(device_id)
    OR MIN(device_type) < MAX(device_type)
    OR MIN(os_name) < MAX(os_name)
),
by_device AS (
  SELECT
    sessions.inquiry_id AS inquiry_id,
    device_id,
    COUNT(device_handoff_method) AS handoffs,
    MIN(device_type) AS first_type,
    MAX(device_type) AS last_type,
    MIN(os_name) AS first_system,
    MAX(os_name) AS last_system
  FROM sessions
  JOIN several ON sessions.inquiry_id = several.inquiry_id
  GROUP BY sessions.inquiry_id, device_id
),
changed AS (
  SELECT inquiry_id
  FROM by_device
  GROUP BY inquiry_id
  HAVING COUNT(*) FILTER (WHERE handoffs > 0 AND device_id IS NULL) = 0
    AND (
      MIN(CASE WHEN handoffs = 0 THEN device_id END) < MAX(CASE WHEN handoffs = 0 THEN device_id END)
      OR MIN(CASE WHEN handoffs = 0 THEN first_type END) < MAX(CASE WHEN handoffs = 0 THEN last_type END)
      OR MIN(CASE WHEN handoffs = 0 THEN first_system END) < MAX(CASE WHEN handoffs = 0 THEN last_system END)
    )
),
visits AS (
  SELECT
    sessions.inquiry_id AS inquiry_id,
    device_id,
    device_type,
    os_name,
    created_at,
    COUNT(device_handoff_method) OVER (PARTITION BY sessions.inquiry_id, device_id) AS handoffs
  FROM sessions
  JOIN changed ON sessions.inquiry_id = changed.inquiry_id
),
counted AS (
  SELECT
    inquiry_id,
    COUNT(*) AS sessions,
    COUNT(DISTINCT device_id) AS devices,
    COUNT(DISTINCT device_type) AS device_types,
    COUNT(DISTINCT os_name) AS systems,
    MIN(created_at) AS first_seen,
    MAX(created_at) AS last_seen
  FROM visits
  WHERE handoffs = 0
  GROUP BY inquiry_id
)
SELECT inquiry_id, sessions, devices, device_types, systems, first_seen, last_seen
FROM counted
ORDER BY systems DESC, device_types DESC, devices DESC, sessions DESC, inquiry_id ASC NULLS LAST
