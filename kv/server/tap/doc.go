// Package tap shows every command of a node to those who asked for it (Redis
// command MONITOR).
package tap
