// Package cluster is what the proxies of one cluster tell each other, by keys in the
// store that all of them watch:
//
//	/pingd/proxy/state/<proxy>              which servers its checks found down: a vote, and what
//	                                        it knows again after a restart
//	/pingd/proxy/servers/<service>/<name>   what an operator decided about a server
//	/pingd/proxy/tickets                    keys of TLS sessions, sealed
//	/pingd/proxy/acme/...                   see package acme
//	/pingd/rate/<proxy>                     clients that were busy lately, and how busy
//
// All of it is bounded and ends by itself: a state after ten minutes without its
// proxy, a decision after 30 days, the rest within seconds or a day. Without a store
// a proxy decides alone, and operators' decisions last as long as it runs.
package cluster
