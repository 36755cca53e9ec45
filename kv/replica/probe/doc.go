// Package probe asks all other members of the cluster, a few times a second, how
// far they are: who is alive, who has caught up, whose disk is full, whom they
// follow, and how old this node's own data may be.
package probe
