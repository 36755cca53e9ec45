package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
)

// binary is pingd, built once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pingd-integration-")
	if err != nil {
		return "", err
	}
	built = dir
	return procs.Build(context.Background(), dir, "cmd/pingd")
})

var built string // directory to remove at the end

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func pingd(t *testing.T) string {
	t.Helper()
	b, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// within bounds a step of a test: none takes a tenth of it unless it is broken.
func within(t *testing.T) context.Context {
	t.Helper()
	_, _ = binary() // whoever comes first builds it, and that takes its time; pingd tells of errors
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// single is "pingd" alone: every role in one process.
type single struct {
	*procs.Process
	Proxy, Redis, Raft, Sentinel, Admin, Counter string
}

// startSingle starts the roles, comma separated, in one process.
func startSingle(t *testing.T, lab *procs.Lab, name, roles string, more ...string) *single {
	t.Helper()
	return startUnder(t, lab, nil, name, roles, more...)
}

// startUnder is startSingle by way of another program with its arguments, such
// as prlimit.
func startUnder(t *testing.T, lab *procs.Lab, under []string, name, roles string, more ...string) *single {
	t.Helper()
	s := &single{}
	dir, err := lab.Dir(name)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--role=" + roles, "--name=" + name, "--data=" + dir}
	for _, l := range []struct {
		flag, role string
		addr       *string
	}{
		{"proxy-addr", "proxy", &s.Proxy},
		{"redis-addr", "store", &s.Redis},
		{"raft-addr", "store", &s.Raft},
		{"sentinel-addr", "store", &s.Sentinel},
		{"counter-addr", "counter", &s.Counter},
		{"admin-addr", "", &s.Admin},
	} {
		if roles != "all" && !strings.Contains(roles, l.role) {
			continue
		}
		if *l.addr, err = lab.Addr(); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--"+l.flag+"="+*l.addr)
	}
	command := append(append(append([]string(nil), under...), pingd(t)), append(args, more...)...)
	p, err := lab.Start(within(t), procs.Spec{Name: name, Path: command[0], Args: command[1:]})
	if err != nil {
		t.Fatal(err)
	}
	s.Process = p
	return s
}

// get returns the body of a GET, which must answer 200.
func get(url string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return "", err
		}
		if res.StatusCode != http.StatusOK {
			return "", fmt.Errorf("GET %s: %s: %s", url, res.Status, body)
		}
		return strings.TrimSpace(string(body)), nil
	}
}

func mustGet(t *testing.T, url string) string {
	t.Helper()
	body, err := get(url)(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// eventually polls ask until it returns nil.
func eventually(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	if err := procs.Poll(within(t), ask); err != nil {
		t.Fatal(err)
	}
}

// until polls url until its body is want.
func until(t *testing.T, url, want string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		body, err := get(url)(ctx)
		if err == nil && body != want {
			err = fmt.Errorf("GET %s: %q, not %q", url, body, want)
		}
		return err
	})
}

// redisCLI runs redis-cli on a store node and returns what it printed.
func redisCLI(t *testing.T, addr string, args ...string) string {
	t.Helper()
	path := procs.Need(t, "redis-cli", "redis-tools")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(within(t), path, append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli -p %s %v: %v\n%s", port, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// roleStatus decodes one role's part of a process's /status.
func roleStatus(ctx context.Context, admin, role string, into any) error {
	body, err := get("http://" + admin + "/status")(ctx)
	if err != nil {
		return err
	}
	var all struct{ Roles map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return err
	}
	return json.Unmarshal(all.Roles[role], into)
}

// sendRaw sends bytes and reads until the peer closes, the time is over or it
// has limit bytes.
func sendRaw(t *testing.T, addr string, b []byte, limit int) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	_, _ = conn.Write(b) // the peer may have hung up already: that is an answer
	buf := make([]byte, limit)
	n, _ := io.ReadFull(bufio.NewReader(conn), buf)
	return string(buf[:n])
}

func atoi(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		t.Fatalf("not a number: %q", s)
	}
	return n
}

func dirOf(t *testing.T, lab *procs.Lab, name string) string {
	t.Helper()
	dir, err := lab.Dir(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
