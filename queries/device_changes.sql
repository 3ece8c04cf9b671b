-- title: Device changes
-- question: In which inquiries does the device or its system change, other than by a handoff?
-- key: inquiry_id
-- split: inquiry_id
-- distinct: inquiry_id, device_id, device_type, os_name
-- chart: bar systems by inquiry_id
-- detail: inquiry_id
-- note: Sessions with a handoff method are left out, and so are the others on the device that it led to: such a change is meant.
-- note: Another system says more than another device id, which a person may get by clearing the browser. Type and system are read from the user agent, which the client chooses.
-- note: What is not known is no change. Counted are the sessions that are not left out, and what is known of them.

-- The first and the last in whatever order differ where there are several.
WITH changed AS (
  SELECT inquiry_id
  FROM sessions
  WHERE inquiry_id IS NOT NULL AND device_handoff_method IS NULL
  GROUP BY inquiry_id
  HAVING MIN(device_id) < MAX(device_id)
    OR MIN(device_type) < MAX(device_type)
    OR MIN(os_name) < MAX(os_name)
),
visits AS (
  SELECT
    sessions.inquiry_id AS inquiry_id,
    device_id,
    device_type,
    os_name,
    created_at,
    device_handoff_method
  FROM sessions
  JOIN changed ON sessions.inquiry_id = changed.inquiry_id
),
handed AS (
  SELECT inquiry_id, device_id
  FROM visits
  WHERE device_handoff_method IS NOT NULL AND device_id IS NOT NULL
  GROUP BY inquiry_id, device_id
),
left_over AS (
  SELECT
    visits.inquiry_id AS inquiry_id,
    visits.device_id AS device_id,
    device_type,
    os_name,
    created_at
  FROM visits
  LEFT JOIN handed ON visits.inquiry_id = handed.inquiry_id AND visits.device_id = handed.device_id
  WHERE visits.device_handoff_method IS NULL AND handed.inquiry_id IS NULL
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
  FROM left_over
  GROUP BY inquiry_id
)
SELECT inquiry_id, sessions, devices, device_types, systems, first_seen, last_seen
FROM counted
WHERE devices > 1 OR device_types > 1 OR systems > 1
ORDER BY systems DESC, device_types DESC, devices DESC, sessions DESC, inquiry_id ASC NULLS LAST
