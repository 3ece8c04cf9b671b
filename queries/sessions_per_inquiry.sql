-- title: Sessions per inquiry
-- question: How many sessions do inquiries take?
-- key: sessions
-- distinct: inquiry_id
-- rate: share = inquiries / total of total
-- chart: bar share by sessions
-- note: Two are ordinary where people change from one device to another. Persona allows 25 an inquiry unless set otherwise.
-- note: Only sessions of the range are counted: an inquiry that began before it or goes on after it has more than its row says.
-- note: Sessions without an inquiry id are left out.

WITH by_inquiry AS (
  SELECT inquiry_id, COUNT(*) AS sessions
  FROM sessions
  WHERE inquiry_id IS NOT NULL
  GROUP BY inquiry_id
),
by_count AS (
  SELECT sessions, COUNT(*) AS inquiries
  FROM by_inquiry
  GROUP BY sessions
)
SELECT
  sessions,
  inquiries,
  SUM(inquiries) OVER () AS total
FROM by_count
ORDER BY sessions ASC NULLS LAST
