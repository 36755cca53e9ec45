// Package space watches the free space of the disk that a node's data is on, so
// that writes are refused while refusing is still all that has to be done.
//
//	free  ───────────┬── Config.Reserve ───────┬── Floor ─────────▶ 0
//	   all is well   │ the cluster takes       │ this node's log
//	                 │ no more writes if a     │ takes nothing: it
//	                 │ majority is here        │ falls behind, whole
//
// Both end by themselves when there is room again.
package space
