// Package form finds the cluster that a store node belongs to: the one it remembers,
// one of its own, one that it joins, or one that a known number of nodes forms
// together, so that no two are ever formed of nodes that see one another.
//
// Forming: the node with the lowest name draws up a list of the expected number of
// nodes and collects a durable promise from each (see Attempt). Nodes that come
// later, or with another data directory, join what was formed. Two clusters could be
// formed only by groups of nodes that share none and did not see one another, so
// the expected number should be more than half of all nodes.
package form
