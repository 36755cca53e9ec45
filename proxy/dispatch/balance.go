package dispatch

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"pingd/proxy/balance"
	"pingd/proxy/http1"
	"pingd/proxy/upstream"
)

// Balance says how servers of a service are picked. The zero value is round robin.
type Balance struct {
	method method
	by     source
	name   string // of a header field, in lower case, or of a cookie
}

type method uint8

const (
	roundRobin method = iota
	leastConn
	random
	hash
)

// source is what a hash goes by.
type source uint8

const (
	byClient source = iota
	byPath
	byHeader
	byCookie
)

// ParseBalance reads roundrobin, leastconn, random, hash:client, hash:path,
// hash:header:NAME or hash:cookie:NAME. An error says what there is.
func ParseBalance(text string) (b Balance, err error) {
	what, name, _ := strings.Cut(strings.TrimPrefix(text, "hash:"), ":")
	if what != text && strings.HasPrefix(text, "hash:") {
		b.method = hash
	}
	named := false
	switch {
	case text == "", text == "roundrobin":
	case text == "leastconn":
		b.method = leastConn
	case text == "random":
		b.method = random
	case b.method != hash:
		err = errBalance
	case what == "client":
		b.by = byClient
	case what == "path":
		b.by = byPath
	case what == "header":
		b.by, b.name, named = byHeader, strings.ToLower(name), true
	case what == "cookie":
		b.by, b.name, named = byCookie, name, true
	default:
		err = errBalance
	}
	if err == nil && (named != (name != "") || named && !http1.IsToken(name)) {
		err = errBalance
	}
	if err != nil {
		return Balance{}, fmt.Errorf("%q: %w", text, err)
	}
	return b, nil
}

var errBalance = fmt.Errorf("is none of roundrobin, leastconn, random, hash:client, hash:path, hash:header:NAME and hash:cookie:NAME")

// String returns the balance as ParseBalance reads it.
func (b Balance) String() string {
	switch b.method {
	case leastConn:
		return "leastconn"
	case random:
		return "random"
	case hash:
		return "hash:" + [...]string{"client", "path", "header:" + b.name, "cookie:" + b.name}[b.by]
	}
	return "roundrobin"
}

// New makes what picks among servers by b, for upstream.Config.
func (b Balance) New(load func(*upstream.Server) int64) balance.Balancer[*upstream.Server] {
	switch b.method {
	case leastConn:
		return balance.NewLeastLoad(load)
	case random:
		return balance.NewTwoChoices(load, rand.IntN)
	case hash:
		return balance.NewHash((*upstream.Server).ID)
	}
	return &balance.RoundRobin[*upstream.Server]{}
}
