// Package dispatch decides for each request, before anything is sent anywhere,
// which service it is for and how a server of that is to be picked, or that the
// proxy answers it itself:
//
//	plain, and TLS is wanted    redirection to https, or the answer to an ACME challenge
//	no route for host and path  404
//	the client asks too often   429
//	else                        the service's Set, with the key that a hash goes by
//	                            and the server that a cookie names
//
// It is an exchange.Router: called by every worker at once, it waits for nothing.
package dispatch
