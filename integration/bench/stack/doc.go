// Package stack is a whole stack that counts visits, pingd's or the usual one of
// HAProxy, gunicorn, Redis, Sentinel and etcd, as one thing that can be visited,
// started cold, weighed, paused while the other is measured, and hurt.
package stack
