package main

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

// runWrk loads a server from one thread, which leaves the other core to it.
func runWrk(ctx context.Context, program, addr string, clients int, d time.Duration) (wrkResult, error) {
	cmd := exec.CommandContext(ctx, program, "-t1", "-c"+strconv.Itoa(clients), "-d"+strconv.Itoa(int(d.Seconds())),
		"--latency", "--timeout", "10s", "http://"+addr+"/")
	out, err := cmd.CombinedOutput()
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
