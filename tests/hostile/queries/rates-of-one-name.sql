-- title: T
-- question: Q?
-- rate: r = a / b of c
-- rate: r = a / b of c

SELECT 1 AS a FROM sessions
