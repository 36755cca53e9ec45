// Package upstream knows the servers behind the proxy: who is a member, who is
// healthy, who has a free slot, and the connections kept open to each.
//
// A Set takes the full list of backends each time it changes and keeps what it
// knows about those that stay. Each Server is checked by a goroutine of its own
// from the moment it appears; the Set picks among the healthy, lets requests
// wait in order for a slot, and lets go of a removed server at once: no new
// requests, kept connections closed, requests in flight finish.
package upstream
