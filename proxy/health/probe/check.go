package probe

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Kind is what a check speaks.
type Kind uint8

// The kinds of checks.
const (
	// TCP passes when a connection can be made.
	TCP Kind = iota
	// HTTP asks with GET (HAProxy keyword "option httpchk").
	HTTP
	// Redis asks with PING (HAProxy keyword "option redis-check").
	Redis
)

// Check says how a server is asked whether it is well. The zero value is a TCP
// check. Two Checks that are equal ask the same.
type Check struct {
	Kind Kind
	// Path is the target of an HTTP check, Host its Host field (empty: the
	// server's address).
	Path, Host string
	// Expect is which status codes pass (zero: 200 to 399).
	Expect Statuses
	// Body must be found in the first 64 KiB of the response's body; empty asks
	// for none of it (HAProxy keyword "http-check expect string").
	Body string
}

// String returns the check as the value of check= in a server's description.
func (c Check) String() string {
	switch c.Kind {
	case HTTP:
		return c.Path
	case Redis:
		return "redis"
	}
	return "tcp"
}

// Set applies one option of a server's description, key without "check-", and
// returns the rule that value breaks, or "". known is false for another's key.
func (c *Check) Set(key, value string) (rule string, known bool) {
	switch key {
	case "":
		return c.kind(value), true
	case "host":
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) {
			return fmt.Sprintf("check-host %q is not a host name", value), true
		}
		c.Host = value
	case "status":
		s, err := ParseStatuses(value)
		if err != nil {
			return "check-status " + err.Error(), true
		}
		c.Expect = s
	case "body":
		text, err := url.PathUnescape(value)
		if err != nil || text == "" {
			return fmt.Sprintf("check-body %q is not a text in which %%20 stands for a space", value), true
		}
		c.Body = text
	default:
		return "", false
	}
	return "", true
}

func (c *Check) kind(value string) string {
	switch {
	case value == "tcp":
		c.Kind, c.Path = TCP, ""
	case value == "redis":
		c.Kind, c.Path = Redis, ""
	case strings.HasPrefix(value, "/") && !strings.ContainsFunc(value, func(r rune) bool { return r < '!' || r == 0x7f || r == '#' }):
		c.Kind, c.Path = HTTP, value
	default:
		return fmt.Sprintf("check %q is none of tcp, redis and a path that starts with /", value)
	}
	return ""
}

// Rule returns the rule that the options break together, or "".
func (c *Check) Rule() string {
	if c.Kind != HTTP && (c.Host != "" || c.Expect != Statuses{} || c.Body != "") {
		return "check-host, check-status and check-body are for an HTTP check: check=/healthz"
	}
	return ""
}

// Statuses is a set of HTTP status codes.
type Statuses struct {
	bits [(maxStatus - minStatus) / 64]uint64
}

const (
	minStatus = 64
	maxStatus = 640
)

// usual are the codes that pass when none are named, as in HAProxy.
var usual = func() (s Statuses) {
	s.add(200, 399)
	return s
}()

// ParseStatuses reads codes and ranges: "200,204,300-399".
func ParseStatuses(text string) (s Statuses, err error) {
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || from < 100 || to > 599 || from > to {
			return Statuses{}, fmt.Errorf("%q is not a list of codes from 100 to 599, such as 200,300-399", text)
		}
		s.add(from, to)
	}
	return s, nil
}

func (s *Statuses) add(from, to int) {
	for n := from - minStatus; n <= to-minStatus; n++ {
		s.bits[n/64] |= 1 << (n % 64)
	}
}

// Has reports whether code is in s.
func (s *Statuses) Has(code int) bool {
	if code < minStatus || code >= maxStatus {
		return false
	}
	return s.bits[(code-minStatus)/64]>>((code-minStatus)%64)&1 == 1
}
