// Package ordered keeps items in the order of a hash of their names, which is
// the same on every replica. It is a leaf.
package ordered
