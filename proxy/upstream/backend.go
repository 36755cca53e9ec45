package upstream

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pingd/proxy/health"
	"pingd/proxy/health/probe"
	"pingd/proxy/proxyproto"
)

// Backend is one server as the configuration or the registry describes it. Two
// that are equal describe the same.
type Backend struct {
	// Name identifies the server in the status table, metrics and log.
	Name string
	// Addr is host:port; a host name is resolved at each dial.
	Addr string
	// Weight is the share of requests relative to other servers (1 to 256,
	// default 1). 0 gets none but those that a sticky cookie brings, as in HAProxy.
	Weight int
	// Check is how the server is asked whether it is well.
	Check probe.Check
	// Timing is how fast opinions about it change; zero fields are the Set's.
	Timing health.Config
	// SlowStart is how long a server that came up takes to reach its full weight
	// (0: the Set's; HAProxy keyword "slowstart").
	SlowStart time.Duration
	// Keyed servers get an Idempotency-Key with each request, and count a
	// request sent twice with the same key once (idempotency=key).
	Keyed bool
	// ConnectOnly forbids sending a request again that the server may have seen
	// (retry=connect).
	ConnectOnly bool
	// MaxConn is how many requests the server handles at once; more wait in a
	// queue (0, the default: no limit; HAProxy keyword "maxconn").
	MaxConn int
	// Local servers are named by this proxy's own configuration: others need not know
	// them.
	Local bool
	// HTTP2 servers are spoken to in HTTP/2 without TLS (proto=h2).
	HTTP2 bool
	// SendProxy tells the server whom each connection is from (HAProxy keywords
	// "send-proxy" and "send-proxy-v2"). Connections are then not shared by
	// clients.
	SendProxy proxyproto.Version
}

// Special reports whether connections to the server are more than TCP with
// HTTP/1.1 on it.
func (b *Backend) Special() bool { return b.HTTP2 || b.SendProxy != proxyproto.Off }

// ParseError says what is wrong with the description of a backend.
type ParseError struct {
	// Name and Value are what was parsed; Rule is what it breaks.
	Name, Value, Rule string
}

// Error returns the value, the rule and an example of a right one.
func (e *ParseError) Error() string {
	return fmt.Sprintf("backend %s %q: %s\nhint: 10.0.0.5:8000 weight=2 check=/healthz", e.Name, e.Value, e.Rule)
}

// Parse reads host:port and options behind it, separated by spaces:
//
//	weight=N maxconn=N slowstart=TIME
//	check=/path|tcp|redis check-host=NAME check-status=200,300-399 check-body=TEXT
//	check-interval=TIME check-fast-interval=TIME check-down-interval=TIME
//	check-timeout=TIME check-rise=N check-fall=N
//	idempotency=key retry=connect proto=h2 send-proxy=v1|v2
//
// An error is a *ParseError.
func Parse(name, value string) (Backend, error) {
	fail := func(format string, a ...any) (Backend, error) {
		return Backend{}, &ParseError{Name: name, Value: value, Rule: fmt.Sprintf(format, a...)}
	}
	if !printable(name) {
		name = strconv.Quote(name) // for those who read of it
		return fail("the name is not printable UTF-8")
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
	if strings.ContainsAny(host, "/@?#,\\\"") || !printable(host) {
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
	if rule := b.Check.Rule(); rule != "" {
		return fail("%s", rule)
	}
	return b, nil
}

// printable tells whether s can be shown as it is: names come from whoever may write to
// the store, and go to terminals, logs and metrics.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// option applies one key=value word and returns the rule it breaks, if any.
func (b *Backend) option(word string) (rule string) {
	key, v, _ := strings.Cut(word, "=")
	switch key {
	case "weight":
		b.Weight, rule = number(word, 0, 256)
	case "maxconn":
		b.MaxConn, rule = number(word, 0, 1<<20)
	case "slowstart":
		b.SlowStart, rule = span(word, time.Hour)
	case "idempotency":
		b.Keyed, rule = v == "key", only(word, "key")
	case "retry":
		b.ConnectOnly, rule = v == "connect", only(word, "connect")
	case "proto":
		b.HTTP2, rule = v == "h2", only(word, "h2")
	case "send-proxy":
		var err error
		if b.SendProxy, err = proxyproto.ParseVersion(v); err != nil {
			rule = "send-proxy " + err.Error()
		}
	default:
		return b.checkOption(word, key, v)
	}
	return rule
}

// checkOption applies an option about checks.
func (b *Backend) checkOption(word, key, v string) (rule string) {
	t := &b.Timing
	switch key {
	case "check-interval":
		t.Interval, rule = span(word, time.Hour)
	case "check-fast-interval":
		t.FastInterval, rule = span(word, time.Hour)
	case "check-down-interval":
		t.DownInterval, rule = span(word, time.Hour)
	case "check-timeout":
		t.Timeout, rule = span(word, time.Hour)
	case "check-rise":
		t.Rise, rule = number(word, 1, 1000)
	case "check-fall":
		t.Fall, rule = number(word, 1, 1000)
	default:
		sub, isCheck := strings.CutPrefix(key, "check")
		if isCheck {
			if rule, known := b.Check.Set(strings.TrimPrefix(sub, "-"), v); known {
				return rule
			}
		}
		return fmt.Sprintf("unknown option %q (weight, maxconn, slowstart, check, check-*, idempotency, retry, proto and send-proxy are known)", key)
	}
	return rule
}

func number(word string, least, most int) (int, string) {
	key, v, _ := strings.Cut(word, "=")
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Sprintf("%s %q is not a number from %d to %d", key, v, least, most)
	}
	return n, ""
}

func span(word string, most time.Duration) (time.Duration, string) {
	key, v, _ := strings.Cut(word, "=")
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Millisecond || d > most {
		return 0, fmt.Sprintf("%s %q is not a time from 1ms to %s, such as 2s", key, v, most)
	}
	return d, ""
}

func only(word, value string) string {
	key, v, _ := strings.Cut(word, "=")
	if v == value {
		return ""
	}
	return fmt.Sprintf("%s %q is not %q", key, v, value)
}
