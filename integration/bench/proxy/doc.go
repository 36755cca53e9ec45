// Package proxy is the subcommands proxy and conformance: pingd beside HAProxy, nginx
// and Caddy before the same servers. proxy compares CPU per request, latency and
// memory under shapes of load, which wrk makes; conformance asks each for what the
// RFCs demand.
package proxy
