// Package monitor is the subcommand monitor: what watching this machine costs, and
// what a page weighs, of pingd, netdata and node_exporter at the same time.
package monitor
