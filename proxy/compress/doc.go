// Package compress decides which responses a proxy compresses, and compresses them
// (RFC 9110 sections 8.4 and 12.5.3; HAProxy keyword "compression"):
//
//	request + response head ── Judge ──▶ Verdict: Vary, Encode, Weak
//	body ── Writer: Write, Flush, Close ──▶ Take: gzip (RFC 1952)
//
// Judge is a pure function of two heads. A Writer belongs to one response; how many
// there are at once is bounded, and so is their memory: a response that finds none
// passes as it is.
package compress
