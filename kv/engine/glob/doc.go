// Package glob matches keys and channel names against Redis's patterns. It is a leaf.
package glob
