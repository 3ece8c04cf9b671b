-- title: T
-- question: Q?
-- parameter: a = 9 (1..3) x

SELECT :a FROM sessions
