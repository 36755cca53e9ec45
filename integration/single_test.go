package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
)

func TestAloneCountsAndRemembers(t *testing.T) {
	lab := procs.ForTest(t)
	const promised = time.Second
	var p *single
	first := time.Hour
	for try := 0; try < 3 && first > promised; try++ { // the machine may be busy with something else once
		start := time.Now()
		p = startSingle(t, lab, fmt.Sprintf("one%d", try), "all")
		until(t, "http://"+p.Proxy+"/", "1")
		first = min(first, time.Since(start))
	}
	t.Logf("first answer %s after the start", first)
	if first > promised {
		t.Errorf("first answer after %s, promised within %s", first, promised)
	}
	url := "http://" + p.Proxy + "/"
	if got := mustGet(t, url); got != "2" {
		t.Fatalf("second visit got %q", got)
	}
	if err := p.Terminate(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	until(t, url, "3")

	// An acknowledged visit survives a kill as well.
	if err := p.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	until(t, url, "4")
	if got := redisCLI(t, p.Redis, "GET", "hits"); got != "4" {
		t.Errorf("GET hits: %q", got)
	}
}

func TestOwnBackendJoinsAndLeavesByAKey(t *testing.T) {
	lab := procs.ForTest(t)
	p := startSingle(t, lab, "one", "store,proxy,monitor")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Header.Get("X-Forwarded-For"), r.URL.RawQuery)
	})}
	go func() { _ = app.Serve(ln) }()
	t.Cleanup(func() { _ = app.Close() })
	eventually(t, procs.Answers("http://"+p.Admin+"/readyz"))

	if got := redisCLI(t, p.Redis, "SET", "/app/servers/app9", ln.Addr().String()); got != "OK" {
		t.Fatalf("SET: %q", got)
	}
	until(t, "http://"+p.Proxy+"/x?a=1;b=2", "127.0.0.1 a=1;b=2")
	redisCLI(t, p.Redis, "DEL", "/app/servers/app9")
	eventually(t, func(ctx context.Context) error {
		_, err := get("http://" + p.Proxy + "/x")(ctx)
		if err == nil {
			return fmt.Errorf("the removed server still answers")
		}
		return nil
	})
}

// hostile is what must not crash, wedge or bloat any port.
var hostile = map[string]string{
	"huge bulk header":     "*1\r\n$9223372036854775807\r\n",
	"huge array header":    "*9223372036854775807\r\n",
	"oversized bulk":       "*2\r\n$3\r\nGET\r\n$3000000000\r\nxxxx",
	"half a command":       "*3\r\n$3\r\nSET\r\n$1\r\nk",
	"nothing but newlines": "\r\n\r\n\r\n",
	"binary":               "\x00\x01\x02\xff\xfe\x80garbage\x00\x00\x00\x00\x7f\xff\xff\xff",
	"http":                 "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"smuggling":            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n",
	"tls":                  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"frame of 4 GiB":       "\xff\xff\xff\xff\xff\xff\xff\xff",
}

func TestGarbageOnEveryPortHurtsNobody(t *testing.T) {
	lab := procs.ForTest(t)
	p := startSingle(t, lab, "one", "all")
	url := "http://" + p.Proxy + "/"
	until(t, url, "1")
	before, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{
		"proxy": p.Proxy, "redis": p.Redis, "raft": p.Raft, "sentinel": p.Sentinel, "admin": p.Admin, "counter": p.Counter,
	}
	// The counter and the proxy count a well-formed GET as a visit.
	visits := int64(1)
	for what, bytes := range hostile {
		for port, addr := range ports {
			sendRaw(t, addr, []byte(bytes), 1<<10)
			if what == "http" && (port == "proxy" || port == "counter") {
				visits++
			}
		}
	}
	if got := atoi(t, mustGet(t, url)); got != visits+1 {
		t.Errorf("visit %d after the garbage, expected %d", got, visits+1)
	}
	if got := redisCLI(t, p.Redis, "PING"); got != "PONG" {
		t.Errorf("PING: %q", got)
	}
	after, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.RSS - before.RSS; grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
}

func TestPortTakenAndDirectoryInUse(t *testing.T) {
	lab := procs.ForTest(t)
	p := startSingle(t, lab, "one", "all")
	until(t, "http://"+p.Proxy+"/", "1")
	for _, c := range []struct{ name, arg, want string }{
		{"port", "--redis-addr=" + p.Redis, "--redis-addr=" + p.Redis},
		{"directory", "--data=" + dirOf(t, lab, "one"), "in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := startSingle(t, lab, "other-"+c.name, "all", c.arg)
			select {
			case <-q.Done():
			case <-within(t).Done():
				t.Fatal("it did not end")
			}
			if code := q.ExitCode(); code != 1 {
				t.Errorf("exit status %d", code)
			}
			for _, want := range []string{c.want, "hint: "} {
				if out := q.Tail(20); !strings.Contains(out, want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
		})
	}
	until(t, "http://"+p.Proxy+"/", "2")
}
