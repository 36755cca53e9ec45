// Package outbox moves commands to where they are carried out: into the log while
// this node leads, to the leader otherwise.
//
// What waits while an entry is under way becomes the next entry: one in flight,
// no artificial delay. What waits on another node becomes a frame to the leader,
// several in flight. A frame has a number that never changes, so one whose outcome is
// unknown is sent again, to whoever leads then, and the state machine applies it
// once.
package outbox
