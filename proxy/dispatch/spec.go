package dispatch

import (
	"fmt"
	"strings"

	"pingd/proxy/route"
	"pingd/proxy/sticky"
	"pingd/proxy/upstream"
)

// Spec is a route as a user writes it; see ParseSpec.
type Spec struct {
	// Pattern is the host and path that the route is for.
	Pattern route.Pattern
	// Prefix is that of the registry's keys under which the service's servers
	// register, with a slash at its end; empty when Servers names them.
	Prefix string
	// Servers are the service's servers, where they do not register.
	Servers []upstream.Backend
	// Name is the service's: the prefix, or host and path.
	Name string
	// Balance and Cookie are as of Service.
	Balance Balance
	Cookie  string
}

// ParseSpec reads "host/path=TARGET [balance=HOW] [sticky=COOKIE]": TARGET is a
// prefix of the registry's keys, or servers "host:port,host:port" with the options
// of a server behind them. An error says what to write instead.
func ParseSpec(text string) (s Spec, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return s, fmt.Errorf("is empty; shop.example.org/=/app/shop/ is a route")
	}
	pattern, target, ok := strings.Cut(words[0], "=")
	if !ok || target == "" {
		if !strings.Contains(pattern, "/") {
			pattern += "/"
		}
		return s, fmt.Errorf("%q does not say where to; %s=/app/shop/ names keys of the registry, %[2]s=10.0.0.5:8000 a server", words[0], pattern)
	}
	if s.Pattern, err = route.ParsePattern(pattern); err != nil {
		return Spec{}, err
	}
	var rest []string
	for _, w := range words[1:] {
		key, v, _ := strings.Cut(w, "=")
		switch key {
		case "balance":
			s.Balance, err = ParseBalance(v)
		case "sticky":
			s.Cookie, err = v, sticky.CheckName(v)
		default:
			rest = append(rest, w)
		}
		if err != nil {
			return Spec{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	return s, s.aim(target, strings.Join(rest, " "))
}

// ParseTCP reads "[HOST]:PORT=TARGET [balance=HOW]", a listener of connections that are
// passed on as they are, with a target as of ParseSpec.
func ParseTCP(text string) (addr string, s Spec, err error) {
	addr, target, ok := strings.Cut(strings.TrimSpace(text), "=")
	if !ok || !strings.Contains(addr, ":") || strings.ContainsAny(addr, " /") {
		return "", s, fmt.Errorf("%q is not an address and what it is for; :5432=/db/servers/ is", text)
	}
	if s, err = ParseSpec("/=" + target); err != nil {
		return "", s, err
	}
	if s.Cookie != "" {
		return "", s, fmt.Errorf("sticky is for HTTP; balance=hash:client keeps a client with its server")
	}
	if b := s.Balance; b.method == hash && b.by != byClient {
		return "", s, fmt.Errorf("balance: of a connection there is only the client to go by, hash:client")
	}
	if s.Prefix == "" {
		s.Name = "tcp" + addr[strings.LastIndexByte(addr, ':'):]
	}
	return addr, s, nil
}

// aim reads the target. rest are the options that are not the service's.
func (s *Spec) aim(target, rest string) error {
	if strings.HasPrefix(target, "/") {
		if rest != "" {
			return fmt.Errorf("%q: what registers under %s brings its options along; balance and sticky are the route's own", rest, target)
		}
		s.Prefix = strings.TrimRight(target, "/") + "/"
		s.Name = strings.Trim(target, "/")
		if s.Name == "" {
			return fmt.Errorf("%q would take every key of the store for a server", target)
		}
		return nil
	}
	s.Name = s.Pattern.String()
	for addr := range strings.SplitSeq(target, ",") {
		b, err := upstream.Parse("", addr+" "+rest)
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, b)
	}
	return nil
}

// Same reports whether two specs with one name are the same service.
func (s *Spec) Same(o *Spec) bool {
	return s.Prefix == o.Prefix && s.Balance == o.Balance && s.Cookie == o.Cookie
}
