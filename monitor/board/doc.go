// Package board is what a monitor knows at this moment: written by whoever samples,
// polls and judges, read by whoever shows it. Nothing in it waits: a lock is held
// while values are taken over or handed out, and what is handed out is not changed
// any more.
package board
