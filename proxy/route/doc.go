// Package route finds the service that a request is for by its host and path, as
// HAProxy's "use_backend ... if { hdr(host) -i ... } { path_beg ... }" and nginx's
// server_name and location do. It is pure.
//
// The host counts before the path: first the routes of exactly this host, then
// those of wildcards, the longest first, then those of any host; among the routes
// of one host the longest path that the request's path begins with. A path ends at
// a segment: /api is for /api and /api/x, not for /apix.
//
// Paths are compared as they come, byte for byte: nothing is decoded or cleaned
// up. A route is for telling services apart, not for keeping anybody out.
package route
