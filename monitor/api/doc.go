// Package api answers for a monitor over HTTP: its page, and all that the page
// shows as JSON, CSV and text. docs/monitoring.md describes it for users.
//
//	/                    the page; plain text for curl and Accept: text/plain
//	/api/v1/stream       Server-Sent Events: "hello" with the past, then a tick a second
//	/api/v1/now          newest value of each series        ?name=cpu.*,mem.used
//	/api/v1/series       a stretch of time                  ?name=&from=-300&to=0&step=|points=&minmax=1&format=csv
//	/api/v1/names        names of the series                ?name=disk.*&from=
//	/api/v1/cluster      cluster.State as last heard of
//	/api/v1/verdict      cluster.Verdict
//	/api/v1/events       []cluster.Event, oldest first      ?since=ID&limit=&format=csv
//	/api/v1/alerts       alerts raised, rules, silences
//	/api/v1/details      board.Details: processes, file systems, containers, inventory, warnings
//	/api/v1/host         cluster.Host: this machine in brief
//	/api/v1/sockets      TCP connections by state, counted when asked
//	/api/v1/status       the monitor's account of itself
//
// All of it is read only, and answers for the monitor of another node with
// ?node=NAME: one address shows everything. What changes something is off unless
// its owner turns it on, and then takes the secret:
//
//	POST   /api/v1/silences           alert.Silence
//	DELETE /api/v1/silences?id=
//	POST   /api/v1/backends/drain     {"backend": NAME, "drain": true}
//	POST   /api/v1/backends/weight    {"backend": NAME, "weight": 3}
//
// Times are RFC 3339, or unix seconds where a number; from and to at or below zero
// count from the newest sample. A step without a value is null.
package api
