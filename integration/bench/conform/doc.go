// Package conform asks a proxy for what RFC 9110 and RFC 9112 demand of it: a
// list of demands, each a few bytes to send, what the server behind answers, and
// a judgement of what both sides then see. It knows no proxy.
package conform
