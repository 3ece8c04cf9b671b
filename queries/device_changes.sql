-- title: Device changes
-- question: In which inquiries does the device or its system change, other than by a handoff?
-- key: inquiry_id
-- split: inquiry_id
-- distinct: device_id, device_type, os_name
-- chart: bar systems by inquiry_id
-- detail: inquiry_id
-- note: Sessions with a handoff method are left out, and so are the others on the device that it led to: such a change is meant.
-- note: Another system says more than another device id, which a person may get by clearing the browser. Type and system are read from the user agent, which the client chooses.
-- note: What is not known is no change. Counted are the sessions that are not left out, and what is known of them.

WITH by_count AS (
  SELECT inquiry_id, COUNT(*) AS sessions
  FROM sessions
  WHERE inquiry_id IS NOT NULL AND device_handoff_method IS NULL
  GROUP BY inquiry_id
),
several AS (
  SELECT inquiry_id FROM by_count WHERE sessions > 1
),
unhanded AS (
  SELECT
    sessions.inquiry_id,
    sessions.device_id,
    sessions.device_type,
    sessions.os_name,
    sessions.created_at
  FROM sessions
  JOIN several ON sessions.inquiry_id = several.inquiry_id
  WHERE sessions.device_handoff_method IS NULL
),
-- The first and the last in the order of letters differ where there are several.
changed AS (
  SELECT
    inquiry_id,
    MIN(device_id) AS a_device,
    MAX(device_id) AS z_device,
    MIN(device_type) AS a_type,
    MAX(device_type) AS z_type,
    MIN(os_name) AS a_system,
    MAX(os_name) AS z_system
  FROM unhanded
  GROUP BY inquiry_id
),
candidates AS (
  SELECT inquiry_id
  FROM changed
  WHERE a_device < z_device OR a_type < z_type OR a_system < z_system
),
handed AS (
  SELECT sessions.inquiry_id, sessions.device_id
  FROM sessions
  JOIN candidates ON sessions.inquiry_id = candidates.inquiry_id
  WHERE sessions.device_handoff_method IS NOT NULL AND sessions.device_id IS NOT NULL
  GROUP BY sessions.inquiry_id, sessions.device_id
),
left_over AS (
  SELECT
    unhanded.inquiry_id,
    unhanded.device_id,
    unhanded.device_type,
    unhanded.os_name,
    unhanded.created_at
  FROM unhanded
  JOIN candidates ON unhanded.inquiry_id = candidates.inquiry_id
  LEFT JOIN handed
    ON unhanded.inquiry_id = handed.inquiry_id AND unhanded.device_id = handed.device_id
  WHERE handed.inquiry_id IS NULL
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
