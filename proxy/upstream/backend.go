package upstream

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Backend is one server as the configuration or the registry describes it.
type Backend struct {
	// Name identifies the server in the status table, metrics and log.
	Name string `json:"name"`
	// Addr is host:port; a host name is resolved at each dial.
	Addr string `json:"addr"`
	// Weight is the share of requests relative to other servers (1 to 256,
	// default 1). 0 gets none, as in HAProxy: the server is drained.
	Weight int `json:"weight"`
	// Check is the path of an HTTP check; empty means that a check passes when
	// a connection can be made.
	Check string `json:"check,omitempty"`
	// Keyed servers get an Idempotency-Key with each request, and count a
	// request sent twice with the same key once (idempotency=key).
	Keyed bool `json:"keyed,omitempty"`
	// ConnectOnly forbids sending a request again that the server may have seen
	// (retry=connect).
	ConnectOnly bool `json:"connect_only,omitempty"`
	// MaxConn is how many requests the server handles at once; more wait in a
	// queue (0, the default: no limit; HAProxy keyword "maxconn").
	MaxConn int `json:"maxconn,omitempty"`
}

// ParseError says what is wrong with the description of a backend.
type ParseError struct {
	// Name and Value are what was parsed; Rule is what it breaks.
	Name, Value, Rule string
}

// Error returns the value, the rule and an example of a right one.
func (e *ParseError) Error() string {
	return fmt.Sprintf("backend %s %q: %s\nhint: 10.0.0.5:8000 weight=2 check=/healthz", e.Name, e.Value, e.Rule)
}

// Parse reads host:port [weight=N] [check=/path] [idempotency=key]
// [retry=connect] [maxconn=N]. An error is a *ParseError.
func Parse(name, value string) (Backend, error) {
	fail := func(format string, a ...any) (Backend, error) {
		return Backend{}, &ParseError{Name: name, Value: value, Rule: fmt.Sprintf(format, a...)}
	}
	words := strings.Fields(value)
	if len(words) == 0 {
		return fail("is empty")
	}
	b := Backend{Name: name, Addr: strings.TrimPrefix(words[0], "http://"), Weight: 1}
	host, port, err := net.SplitHostPort(b.Addr)
	if err != nil || host == "" {
		return fail("%q is not host:port", words[0])
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fail("port %q is not a number from 1 to 65535", port)
	}
	if strings.ContainsAny(host, "/@?#,\\\"") {
		return fail("%q is not a host name or address", host)
	}
	if b.Name == "" {
		b.Name = b.Addr
	}
	for _, word := range words[1:] {
		if rule := b.option(word); rule != "" {
			return fail("%s", rule)
		}
	}
	return b, nil
}

// option applies one key=value word and returns the rule it breaks, if any.
func (b *Backend) option(word string) string {
	key, v, _ := strings.Cut(word, "=")
	switch key {
	case "weight":
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 256 {
			return fmt.Sprintf("weight %q is not a number from 0 to 256", v)
		}
		b.Weight = n
	case "check":
		if !strings.HasPrefix(v, "/") || strings.ContainsFunc(v, func(r rune) bool { return r < '!' || r == 0x7f || r == '#' }) {
			return fmt.Sprintf("check %q is not a path that starts with /", v)
		}
		b.Check = v
	case "idempotency":
		if v != "key" {
			return fmt.Sprintf("idempotency %q is not \"key\"", v)
		}
		b.Keyed = true
	case "retry":
		if v != "connect" {
			return fmt.Sprintf("retry %q is not \"connect\"", v)
		}
		b.ConnectOnly = true
	case "maxconn":
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 1<<20 {
			return fmt.Sprintf("maxconn %q is not a number from 0 to %d", v, 1<<20)
		}
		b.MaxConn = n
	default:
		return fmt.Sprintf("unknown option %q (weight, check, idempotency, retry and maxconn are known)", key)
	}
	return ""
}
