// Package proxy is the proxy role: a strict HTTP/1.x reverse proxy in front of
// servers that come and go while it runs. It fits the parts together and holds
// no logic of its own:
//
//	Source ---list---> upstream.Set (members, checks, pick, queue, connections)
//	                        ^                 ^
//	client ---> front.Front +--- retry.Policy, retry.Budget
//	              |  http1 (parse, frame, serialize)   wire (I/O)
//	              +---> accesslog, metrics
//
// A backend that a Source names is checked at once and gets traffic after its
// first passed check; one that a Source drops gets no new request, finishes
// what it has, and its kept connections are closed. Nothing is ever reloaded.
package proxy
