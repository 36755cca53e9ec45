package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// wrkResult is what wrk says about a run.
type wrkResult struct {
	requests int64
	rate     float64 // per second
	p50, p99 time.Duration
	failed   int64 // socket errors and answers other than 2xx and 3xx
}

// errWrk means that wrk printed something else than expected.
var errWrk = errors.New("unexpected output of wrk")

// wrkLoad is what wrk sends.
type wrkLoad struct {
	clients int
	time    time.Duration
	path    string
	secure  bool // over TLS
	headers []string
	script  string // file with a Lua script, empty for none
}

// runWrk loads a server from one thread, which leaves the other core to it.
func runWrk(ctx context.Context, program, addr string, l wrkLoad) (wrkResult, error) {
	args := []string{"-t1", "-c" + strconv.Itoa(l.clients), "-d" + strconv.Itoa(int(l.time.Seconds())), "--latency", "--timeout", "10s"}
	for _, h := range l.headers {
		args = append(args, "-H", h)
	}
	if l.script != "" {
		args = append(args, "-s", l.script)
	}
	scheme := "http://"
	if l.secure {
		scheme = "https://"
	}
	out, err := exec.CommandContext(ctx, program, append(args, scheme+addr+l.path)...).CombinedOutput()
	if err != nil {
		return wrkResult{}, fmt.Errorf("run wrk: %w: %s", err, out)
	}
	return parseWrk(out)
}

// parseWrk reads the report of wrk 4.
func parseWrk(out []byte) (wrkResult, error) {
	var r wrkResult
	var err error
	seen := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		switch {
		case words[0] == "50%":
			r.p50, err = time.ParseDuration(words[1])
		case words[0] == "99%":
			r.p99, err = time.ParseDuration(words[1])
		case words[0] == "Requests/sec:":
			r.rate, err = strconv.ParseFloat(words[1], 64)
		case words[1] == "requests" && len(words) > 2 && words[2] == "in":
			r.requests, err = strconv.ParseInt(words[0], 10, 64)
		case words[0] == "Non-2xx", words[0] == "Socket":
			r.failed += numbers(words)
			continue
		default:
			continue
		}
		if err != nil {
			return wrkResult{}, fmt.Errorf("%w: %q: %w", errWrk, lines.Text(), err)
		}
		seen++
	}
	if seen != 4 || r.requests == 0 {
		return wrkResult{}, fmt.Errorf("%w:\n%s", errWrk, out)
	}
	return r, nil
}

// numbers adds the counts in "Socket errors: connect 0, read 12, write 0, ...".
func numbers(words []string) int64 {
	var sum int64
	for _, w := range words {
		if n, err := strconv.ParseInt(strings.TrimSuffix(w, ","), 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}
