package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pingd/monitor/host/scan"
)

// tcpStates are the kernel's names of TCP states by their number (include/net/tcp_states.h).
var tcpStates = [...]string{
	1: "established", 2: "syn_sent", 3: "syn_recv", 4: "fin_wait1", 5: "fin_wait2", 6: "time_wait", 7: "close", 8: "close_wait",
	9: "last_ack", 10: "listen", 11: "closing", 12: "new_syn_recv",
}

// Sockets counts the machine's TCP connections by state, when asked: it takes time
// that grows with their number. Where this process is in the machine's network it
// asks the kernel (sock_diag(7)), else it reads process 1's files.
func (r Roots) Sockets(ctx context.Context) (map[string]int, error) {
	if own, machine := netOf("/proc/self"), netOf(filepath.Join(r.Proc, "1")); own != "" && own == machine {
		if counts, err := diagSockets(ctx); err == nil {
			return counts, nil
		}
	}
	counts := map[string]int{}
	for _, name := range [...]string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(r.Proc, "1", "net", name))
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue // a machine without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("count sockets: %w", err)
		}
		err = countSockets(ctx, f, counts)
		_ = f.Close() // opened for reading: nothing is lost
		if err != nil {
			return nil, fmt.Errorf("count sockets: %w", err)
		}
	}
	return counts, nil
}

func netOf(process string) string {
	s, err := os.Readlink(filepath.Join(process, "ns", "net"))
	if err != nil {
		return ""
	}
	return s
}

// countSockets adds the lines of /proc/net/tcp to counts.
func countSockets(ctx context.Context, r io.Reader, counts map[string]int) error {
	lines := bufio.NewScanner(r)
	for first := true; lines.Scan(); first = false {
		if first {
			continue
		}
		rest := lines.Bytes()
		var state []byte
		for range 4 { // sl, local, remote, state
			state, rest = scan.Field(rest)
		}
		if n := hex(state); n > 0 && n < len(tcpStates) {
			counts[tcpStates[n]]++
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return lines.Err()
}

// hex reads the two digits of a state; 0 for anything else.
func hex(b []byte) int {
	n := 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'A' && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return 0
		}
		if n > 255 {
			return 0
		}
	}
	return n
}
