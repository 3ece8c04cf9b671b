-- title: Started rate
-- question: How many sessions are started, and how many expire without that?
-- key: device_type
-- groups: few
-- rate: started_rate = started / sessions of sessions
-- chart: bar started_rate by device_type
-- detail: device_type
-- note: The rate is of all sessions. One that is open and not started yet counts as not started, though it still may be: sessions less started less expired_unstarted are such.
-- note: A device is only known once somebody opens the session: those that nobody opened are in the row of the unknown, and the rates of the others are as much higher.
-- note: Persona gives the time of the start since January 2024; of older sessions it is not known.

SELECT
  device_type,
  COUNT(*) AS sessions,
  COUNT(started_at) AS started,
  COUNT(*) FILTER (WHERE status = 'expired' AND started_at IS NULL) AS expired_unstarted
FROM sessions
GROUP BY device_type
ORDER BY sessions DESC, device_type ASC NULLS LAST
