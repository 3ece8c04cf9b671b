-- title: T
-- question: Q?
-- parameter: since = 1 (1..3) x

SELECT :since FROM sessions
