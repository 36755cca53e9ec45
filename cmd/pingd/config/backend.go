package config

import (
	"strconv"
	"strings"
)

// checkBackend returns what is wrong with a --backend, and one that is right; or
// "". The proxy's own parser has the last word; this one exists so that a mistake
// is reported together with all others.
func checkBackend(text string) (rule, example string) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "names no server", "127.0.0.1:8000"
	}
	if rule := checkRemote(fields[0]); rule != "" {
		return "server " + strconv.Quote(fields[0]) + ": " + rule, "127.0.0.1:8000"
	}
	seen := map[string]bool{}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		if seen[key] {
			return key + " is given twice", fields[0] + " " + f
		}
		seen[key] = true
		switch key {
		case "weight":
			if n, err := strconv.Atoi(value); err != nil || n < 0 || n > 256 {
				return "weight must be from 0 to 256", fields[0] + " weight=1"
			}
		case "check":
			if !strings.HasPrefix(value, "/") {
				return "check must be a path that begins with /", fields[0] + " check=/healthz"
			}
		case "idempotency":
			if value != "key" {
				return "idempotency can only be key", fields[0] + " idempotency=key"
			}
		case "retry":
			if value != "connect" {
				return "retry can only be connect", fields[0] + " retry=connect"
			}
		default:
			return "option " + strconv.Quote(f) + " is unknown; there are weight=, check=, idempotency= and retry=", fields[0] + " weight=1 check=/healthz"
		}
	}
	return "", ""
}
