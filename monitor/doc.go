// Package monitor watches a host and the cluster it is part of: one page that
// says whether all is well, who leads, and what just happened.
//
//	host, cgroup, process ─┐                          ┌─► api: page, JSON, CSV, SSE, text
//	   each second         ├─► record ─► history ─────┤
//	cluster: asked, half a ┘      │       │ disk      └─► export: Prometheus
//	second later                  ▼       ▼
//	                            alert ─► notify: webhook, Slack, mail
//
// A Monitor samples its own host each whole second, asks for the cluster's state
// half a second later through Config.Cluster, turns both into series (package
// record), keeps them (package history), derives events from what changed (package
// cluster), holds rules against them (package alert), and shows all of it (packages
// api and page). What a monitor missed it learns from the processes themselves and
// from other monitors (Config.Past, Config.Peer).
//
// Monitor is also a prometheus.Collector with node_exporter's and cAdvisor's names
// for host and containers.
package monitor
