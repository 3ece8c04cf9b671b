-- title: Exceptional days
-- question: On which days was a figure far from what is usual on that weekday?
-- key: created_date, figure, subject
-- before: 56d
-- parameter: weeks = 8 (2..8) a day is compared with its weekday in so many weeks before it
-- detail: created_date
-- detail: figure = 'sessions'
-- detail: figure = 'country_sessions'
-- detail: figure = CASE WHEN is_vpn THEN 'vpn_rate' END
-- detail: figure = CASE WHEN is_tor THEN 'tor_rate' END
-- detail: figure = CASE WHEN is_proxy THEN 'proxy_rate' END
-- detail: figure = CASE WHEN is_datacenter THEN 'datacenter_rate' END
-- detail: figure = CASE WHEN is_vpn OR is_proxy OR is_tor THEN 'anonymised_rate' END
-- detail: figure = CASE WHEN threat_level = 'high' THEN 'high_rate' END
-- detail: subject = country_code
-- detail: subject = 'all'
-- then: anomalies
-- note: Usual is the median of the same weekday in the weeks before, and low to high is not exceptional. The score tells how far from usual a day is, in standard deviations by the median absolute deviation (the modified z-score). Shares are of the sessions where the signal is known.
-- note: A day is only told where the figure is further away than counting noise and its own restlessness explain, so a small figure needs a large change. Among many figures and days the smallest scores can still be chance.
-- note: Days that are not complete, or without any session, are neither judged nor compared with. On every other day a country without a session has none, which can be exceptional too.
-- note: Holidays and campaigns are exceptional as well. What has changed for good is told until half of the weeks before have it. A step in a share can be a signal that was switched on or off: see signal_coverage.

WITH by_country AS (
  SELECT
    created_date,
    country_code,
    COUNT(*) AS sessions,
    COUNT(*) FILTER (WHERE is_vpn) AS vpn,
    COUNT(is_vpn) AS vpn_known,
    COUNT(*) FILTER (WHERE is_tor) AS tor,
    COUNT(is_tor) AS tor_known,
    COUNT(*) FILTER (WHERE is_proxy) AS proxy,
    COUNT(is_proxy) AS proxy_known,
    COUNT(*) FILTER (WHERE is_datacenter) AS datacenter,
    COUNT(is_datacenter) AS datacenter_known,
    COUNT(*) FILTER (WHERE is_vpn OR is_proxy OR is_tor) AS anonymised,
    -- Three-valued OR: true if one is true, null if none is and one is null.
    COUNT(*) FILTER (WHERE (is_vpn OR is_proxy OR is_tor) IS NOT NULL) AS anonymised_known,
    COUNT(*) FILTER (WHERE threat_level = 'high') AS high,
    COUNT(threat_level) AS assessed
  FROM sessions
  GROUP BY created_date, country_code
),
-- One form for all figures: a count, and of a share also of how many.
figures AS (
  SELECT
    created_date,
    'sessions' AS figure,
    CAST(NULL AS STRING) AS subject,
    sessions AS counted,
    CAST(NULL AS BIGINT) AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'vpn_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    vpn AS counted,
    vpn_known AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'tor_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    tor AS counted,
    tor_known AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'proxy_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    proxy AS counted,
    proxy_known AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'datacenter_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    datacenter AS counted,
    datacenter_known AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'anonymised_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    anonymised AS counted,
    anonymised_known AS assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'high_rate' AS figure,
    CAST(NULL AS STRING) AS subject,
    high AS counted,
    assessed
  FROM by_country
  UNION ALL
  SELECT
    created_date,
    'country_sessions' AS figure,
    country_code AS subject,
    sessions AS counted,
    CAST(NULL AS BIGINT) AS assessed
  FROM by_country
  WHERE country_code IS NOT NULL
)
SELECT
  created_date,
  figure,
  subject,
  SUM(counted) AS counted,
  -- Not every engine takes the sum of nothing but nulls for null.
  CASE WHEN COUNT(assessed) > 0 THEN SUM(assessed) END AS assessed
FROM figures
GROUP BY created_date, figure, subject
ORDER BY created_date ASC NULLS LAST, figure ASC NULLS LAST, subject ASC NULLS LAST
