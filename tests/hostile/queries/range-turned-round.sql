-- title: T
-- question: Q?
-- parameter: a = 2 (3..1) x

SELECT :a FROM sessions
