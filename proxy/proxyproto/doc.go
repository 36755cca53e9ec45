// Package proxyproto reads and writes the PROXY protocol, versions 1 and 2: the
// few bytes by which a proxy in front tells whom a connection is from, before
// anything else is sent on it (the specification is proxy-protocol.txt of
// HAProxy). It does no I/O.
//
// The header is believed only when it comes from a proxy of one's own; who that
// is, is for the caller to know. Where it is expected it must be there: a
// connection without one is refused, because a client that may leave it out may
// also write it.
package proxyproto
