// Package limit counts the requests of each client and tells when one has asked
// too often. It is pure: time is handed in, and what other proxies counted.
//
// A client is an IPv4 address, or the /64 of an IPv6 address, which is what one
// customer gets. Each has a bucket of Burst requests that fills up again at Rate.
// Memory is fixed: a table with room for 65,536 clients that owe something, in
// which those that owe least make room for others; a client that is forgotten
// begins anew, so the error is in its favour.
//
// Proxies that share a limit tell each other, several times a second, who was busy
// (Drain), and take off what the others let through (Charge). A client that spreads
// its requests over n proxies can exceed its burst by what n-1 proxies let through
// between two such reports.
package limit
