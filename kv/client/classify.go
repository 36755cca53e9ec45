package client

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// verdict says what one try of a command showed.
type verdict uint8

const (
	answered    verdict = iota // a reply, nil included
	rejected                   // an error reply that another node would give too
	unwelcome                  // wrong or missing password
	elsewhere                  // the node did not run it: no leader, loading, too many clients
	unreachable                // no connection was made: not run
	broken                     // the connection ended before the reply: may have run
	silent                     // no reply in time: may have run
	uncertain                  // the node says that it does not know whether it ran
)

// ran reports whether the command may have been run.
func (v verdict) ran() bool { return v == broken || v == silent || v == uncertain }

// final reports whether asking another node is pointless.
func (v verdict) final() bool { return v == answered || v == rejected || v == unwelcome }

// Beginnings of error replies that say "I did not run it, somebody else may".
var elsewhereCodes = []string{
	"CLUSTERDOWN", "LOADING", "READONLY", "MOVED", "ASK ", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS", "BUSY ",
	"ERR max number of clients", "NOTREADY",
}

// Beginnings of error replies about the password.
var unwelcomeCodes = []string{
	"NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password",
	"ERR AUTH <password> called without any password",
	"ERR Client sent AUTH, but no password is set",
}

// classify judges the error of one try; nil is answered.
func classify(err error) verdict {
	if err == nil {
		return answered
	}
	if reply, ok := errors.AsType[redis.Error](err); ok {
		return classifyReply(reply.Error())
	}
	if _, ok := errors.AsType[*connectError](err); ok {
		// A dial that took too long is a host that is gone; one refused is a
		// process that is gone. Either way nothing was sent.
		return unreachable
	}
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return silent
	}
	return broken
}

func classifyReply(text string) verdict {
	switch {
	case strings.HasPrefix(text, "UNCERTAIN"):
		return uncertain
	case hasPrefix(text, elsewhereCodes):
		return elsewhere
	case hasPrefix(text, unwelcomeCodes):
		return unwelcome
	default:
		return rejected
	}
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// readOnly reports whether a command may be repeated because it changes
// nothing. Unknown names count as writes.
func readOnly(args []any) bool {
	name, _ := args[0].(string)
	switch strings.ToUpper(name) {
	case "GET", "MGET", "EXISTS", "TYPE", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "STRLEN", "GETRANGE", "KEYS",
		"SCAN", "DBSIZE", "RANDOMKEY", "PING", "ECHO", "TIME", "INFO", "ROLE", "HGET", "HMGET", "HGETALL", "HLEN",
		"HEXISTS", "HKEYS", "HVALS", "LRANGE", "LLEN", "SMEMBERS", "SCARD", "SISMEMBER", "ZRANGE", "ZCARD", "ZSCORE",
		"COMMAND":
		return true
	case "PINGD":
		if len(args) < 2 {
			return false
		}
		sub, _ := args[1].(string)
		switch strings.ToUpper(sub) {
		case "PEER", "MEMBERS", "STATUS":
			return true
		}
	}
	return false
}
