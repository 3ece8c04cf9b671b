-- title: T
-- question: Q?

SELECT 'x FROM sessions
