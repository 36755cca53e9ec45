// Package acme gets certificates from an authority that speaks ACME (RFC 8555), and
// keeps them in the store, so that all proxies of a cluster show the same ones and
// share one account:
//
//	one proxy, which holds the lock ── order ──▶ authority
//	      │  token's answer ▶ store ▶ every proxy ◀── asks any of them for it: at port
//	      │                                          80 (http-01) or 443 (tls-alpn-01)
//	      ◀── certificate ── authority
//	      └── sealed with the cluster's secret ▶ store ▶ every proxy's cert.Book
//
// A certificate is renewed when a third of its time is left. What fails is tried again
// after a minute, then after twice as long each time, up to an hour: authorities limit
// how often one may fail.
//
// Keys, below /pingd/proxy/acme/: account, cert/<name>, token/<token>, proof/<name> (the
// certificate of tls-alpn-01, sealed), lock.
package acme
