// Package clients runs the real client libraries of Redis, each as a program of its
// own, against whatever speaks the Sentinel protocol. The programs are the examples
// that docs/clients.md shows:
//
//	golang/goredis golang/rueidis golang/redigo   Go, a module of their own
//	python/redispy.py                             Debian's python3-redis
//	node/ioredis.mjs node/noderedis.mjs           npm, as node/package-lock.json says
//
// Each does two things: features, one after another, and counting, an increment
// every 20 ms whose outcome it tells, through whatever happens to the servers.
package clients
