// Package top shows in a terminal what the monitor's page shows: whether all is well,
// who leads, what just happened, then stores, servers, hosts and processes.
//
//	a monitor's API ──Client.Ask──► Snapshot ──Lines──► styled text ──► a screen, or a pipe
//	                  each second             pure
package top
