// Command bench measures pingd, and the systems it is measured against, as real
// processes on this machine. It is no test: figures depend on the machine, so it
// prints what the machine was like, runs what is compared in turn within the
// same minutes, and states ratios.
//
//	go run ./integration/bench load http://127.0.0.1:8080/      visits: lost, twice, gaps
//	go run ./integration/bench load --cluster --fault=kill-leader
//	go run ./integration/bench store                            group commit beside etcd and Redis
//	go run ./integration/bench failover                         gaps beside Redis Sentinel
//	go run ./integration/bench clients                          the same, as six client libraries see it
//	go run ./integration/bench tutorial                         the whole stack beside the usual one
//	go run ./integration/bench soak --for=1h                    under load and faults: does anything grow
//	go run ./integration/bench proxy                            CPU per request beside HAProxy, nginx, Caddy
//	go run ./integration/bench monitor                          CPU, memory and page beside netdata and node_exporter
//	go run ./integration/bench conformance                      HTTP/1.1 demands, the same proxies
//
// Each subcommand is a package of its own below this one (commit lies with store,
// conformance with proxy), and they share a few:
//
//	session   flags of all, output, log, the binary, the lab, waits
//	machine   what it ran on            show    tables, JSON, numbers
//	drive     load and its recorder     stats   histograms, medians, gaps, the ledger
//	stack     a whole stack under load and faults
//
// Everything listens on loopback addresses only and ends with the command.
package main
