package route

import (
	"fmt"
	"strings"
)

// Pattern says which requests a route is for. The zero value is for all.
type Pattern struct {
	// Host is a host name in lower case, "*.example.org" for every name that ends
	// so, or empty for any.
	Host string
	// Path is what the path begins with, in whole segments and without a final
	// slash; empty for any.
	Path string
}

// ParsePattern reads "host/path": "shop.example.org/", "/api",
// "*.example.org/static", "[::1]/". An error says what to write instead.
func ParsePattern(text string) (p Pattern, err error) {
	host, path, slash := strings.Cut(text, "/")
	if !slash {
		return p, fmt.Errorf("%q has no path; %s/ is for all of a host, / for everything", text, text)
	}
	p.Host = strings.ToLower(strings.TrimSuffix(host, "."))
	if rule := hostRule(p.Host); rule != "" {
		return Pattern{}, fmt.Errorf("%q: %s", host, rule)
	}
	if i := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '?' || r == '#' }); i >= 0 {
		return Pattern{}, fmt.Errorf("path %q holds %q, which no path has; query and fragment are not looked at", "/"+path, path[i])
	}
	if path = strings.TrimRight(path, "/"); path != "" {
		p.Path = "/" + path
	}
	return p, nil
}

func hostRule(host string) string {
	name, wild := strings.CutPrefix(host, "*.")
	switch {
	case host == "":
		return ""
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return "" // an IPv6 address
	case strings.Contains(name, ":"):
		return "a route has no port; all ports are meant"
	case strings.Contains(name, "*"):
		return "a wildcard stands for whole labels at the front: *.example.org"
	case wild && !strings.Contains(name, "."):
		return "a wildcard needs a domain of two labels at least: *.example.org"
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return fmt.Sprintf("%q does not belong in a host name", c)
		}
	}
	return ""
}

// String returns the pattern as ParsePattern reads it.
func (p Pattern) String() string { return p.Host + p.Path + "/" }
