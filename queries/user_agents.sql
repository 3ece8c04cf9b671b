-- title: User agents
-- question: Which sessions have a user agent that looks like automation, or a browser that is long out of date?
-- key: kind, family, system
-- split: user_agent
-- distinct: user_agent, inquiry_id
-- rate: high_rate = high / assessed of sessions
-- chart: bar high_rate by family
-- parameter: min_sessions = 30 (1..1000000) rows with fewer assessed sessions are marked
-- then: user_agents
-- note: The client chooses its user agent. Who automates and hides it is not found here, and a browser may be made to look like any other: look for the same agent on many devices and addresses.
-- note: First come the kinds that look like automation, because the agent itself says so: driver (a program steers the browser), headless (a browser without a screen), library (a program without a browser), crawler (or what makes previews of links) and empty. Unrecognised is what no rule knows: some apps, and what somebody made up. Without an agent the kind is unknown.
-- note: Outdated is a browser that updates itself and is versions_behind major versions older than the newest one of its family that min_newest sessions of the range have. Somebody who claims a version of the future so often makes the others look old, and where a family has few sessions nothing is outdated. An old system gets no new browsers: its owner is no fraudster for that.
-- note: Chrome tells its major version only, and on Android neither system version nor model. Browsers on an iPhone are all Safari below; what an app shows inside itself counts as the app or as a web view, and an app with an SDK by its HTTP library (okhttp, CFNetwork), with the app's version or the library's.
-- note: An inquiry counts once for each of its user agents. The sessions of one agent: session-risk query "SELECT * FROM sessions WHERE user_agent = '…'", with the example in its place.

SELECT
  user_agent,
  COUNT(*) AS sessions,
  -- A user agent is long: grouping by it and the inquiry would keep it in memory once for each of these.
  COUNT(DISTINCT inquiry_id) AS inquiries,
  COUNT(threat_level) AS assessed,
  COUNT(*) FILTER (WHERE threat_level = 'high') AS high
FROM sessions
GROUP BY user_agent
ORDER BY user_agent ASC NULLS LAST
