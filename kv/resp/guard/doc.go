// Package guard watches the replies that a peer sends before a client library reads
// them: a library may reserve the memory that a reply only claims to need, or follow
// arrays within arrays as deep as they go. What listens at an address may be anything.
//
//	peer ── bytes ──> Conn.Read ── Guard.Look: sizes within bounds? ──> library
package guard
