// Package slowlog keeps executions that took long, for the Redis command SLOWLOG.
package slowlog
