// Package health decides whether a server may get traffic. It is a pure state
// machine fed with the results of checks and with what requests met; it holds
// no clock and does no I/O.
//
//	          first pass
//	New ---------------------> Up --- fall failed checks ---> Down
//	                           |  ^                            |
//	      refusals in a row    |  |  rise passed checks        |
//	                           v  +----------------------------+
//	                        Refusing --- fall failed checks ---^
//
// Unlike HAProxy, where a server starts "up, but will fall down at first
// failure", a server here gets nothing before its first passed check.
//
// Where several proxies check the same servers, Votes turns their opinions into
// the state to act by. What a check asks and what it thinks of the answer is
// package probe.
package health
