// Package balance decides which of several servers gets the next request. It
// is pure: what it knows of a server are its weight, how many requests it has in
// flight, and its number; chance is handed in.
//
//	RoundRobin   one after the other by weight (HAProxy "balance roundrobin"); the default
//	LeastLoad    the one with the fewest requests in flight by weight ("balance leastconn")
//	TwoChoices   the less loaded of two drawn by weight ("balance random(2)")
//	Hash         always the same for the same key ("balance hdr", "balance source", "balance uri")
//
// All four agree on what happens around them: a member of weight 0 is never
// picked, one that is not usable is passed over as if it were not there, and
// where nothing tells members apart (LeastLoad and TwoChoices on an idle system)
// they get their shares by weight.
package balance
