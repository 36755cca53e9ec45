// Package certs keeps a process's certificate, its key and the authorities that it
// trusts, and makes both sides of TLS of them: listeners that say so to somebody who
// speaks without it, and connections to other nodes.
//
//	Open ---> Keeper --- Listen(clients) ---> net.Listener: handshake at the first Read
//	 files      |  \---- Server(clients) ---> *tls.Config, for net/http
//	            |   \--- Dial --------------> a connection whose other end is who it should be
//	            |
//	  at a handshake, once a second at most: have the files changed? New ones are used
//	  from then on; connections that stand go on with what they were made with. Files
//	  that are not whole (yet) change nothing.
//
// TLS 1.2 is the least, 1.3 between nodes. There is no session resumption: a client
// certificate is looked at for every connection, by the authorities of that moment.
package certs
