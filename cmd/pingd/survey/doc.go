// Package survey asks all processes of a cluster how they are, and puts their
// answers together into the picture that a monitor shows.
//
// Every process announces its admin listener in the store, under Prefix, and is
// asked there: /status for the present, /status/past for what was missed.
//
//	/pingd/nodes/* ──watch──► list ──GET /status each──► Account ──compose──► cluster.State
package survey
