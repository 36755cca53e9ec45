// Package netns gives processes hosts of their own: network namespaces of Linux that
// are joined by a bridge, which has a namespace too, and can be cut off from one
// another in one direction or in both.
//
//	this process ── veth ─┐
//	host 1: eth0 ── veth ─┼─ bridge
//	host 2: eth0 ── veth ─┘
//
// It needs root. What it makes it takes away again, also when the test fails.
package netns
