-- title: T -- question: Q?
SELECT 1 FROM sessions