// Package exchange is what the proxy's two engines agree on: their
// configuration, the record of a request, the answers that the proxy makes
// itself, and how many clients there may be. The fast engine is package loop,
// the one that takes everything package front.
package exchange
