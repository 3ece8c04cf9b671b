-- title: T
-- question: Q?

-- rate: a = b / c of d
SELECT 1 FROM sessions
