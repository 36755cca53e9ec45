package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// leakChecked runs the tests and then looks for goroutines that nobody waited for.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	status := m.M.Run()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"pingd": main})
}

// TestScripts runs the scenarios of the command line in testdata. Each has $PORT1
// to $PORT6, free when it begins.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("PINGD_TEST_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			for i, port := range freePorts(t, 6) {
				env.Setenv(fmt.Sprintf("PORT%d", i+1), port)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"answers": answers,
			"shows":   shows,
			"busy":    busy,
		},
		Condition: lacks,
	})
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

const patience = 20 * time.Second // for a process to start on a loaded machine

// eventually calls ok every 20 ms until it is true.
func eventually(ts *testscript.TestScript, what string, ok func(ctx context.Context) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// answers URL STATUS [TEXT] waits until a GET is answered with that status, and with
// that text somewhere in its body.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: answers URL STATUS [TEXT]")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	eventually(ts, strings.Join(args, " to answer "), func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
		ts.Check(err)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return err == nil && fmt.Sprint(resp.StatusCode) == args[1] && (len(args) < 3 || strings.Contains(string(body), args[2]))
	})
}

// shows TEXT COMMAND... runs a command until it succeeds with that text in its output.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shows TEXT COMMAND...")
	}
	eventually(ts, args[0]+" from "+strings.Join(args[1:], " "), func(context.Context) bool {
		return ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0])
	})
}

// lacks is the condition [lacks:PROGRAM]: true where a program is not installed, so
// that the script can skip; an error where PINGD_TEST_ALL asks for all of them.
func lacks(cond string) (bool, error) {
	program, ok := strings.CutPrefix(cond, "lacks:")
	if !ok {
		return false, fmt.Errorf("condition %q is unknown", cond)
	}
	_, err := exec.LookPath(program)
	if err != nil && os.Getenv("PINGD_TEST_ALL") == "1" {
		return false, fmt.Errorf("this test needs %s: %w", program, err)
	}
	return err != nil, nil
}

// busy PORT holds a port of 127.0.0.1 until the script ends.
func busy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: busy PORT")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
}
