package browser

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

const (
	answerWithin = 30 * time.Second // of one call of the protocol
	// Patience is how long Wait waits: a machine that tests may be busy.
	Patience = 30 * time.Second
	look     = 30 * time.Millisecond // between two looks of Wait
)

// Browser is a running Chromium with one tab. It belongs to the test that started
// it, and is not for concurrent use.
type Browser struct {
	t        testing.TB
	conn     *websocket.Conn
	next     int
	console  []string
	requests []string
}

// Start starts a browser with a window of that size. It skips the test where there
// is none, and fails it where PINGD_TEST_ALL asks for all of them.
func Start(t testing.TB, width, height int) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatal("install the Debian package chromium")
		}
		t.Skip("install the Debian package chromium")
	}
	dir, err := os.MkdirTemp("", "pingd-browser")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir="+dir,
		"--remote-debugging-port=0", "--remote-allow-origins=*", fmt.Sprintf("--window-size=%d,%d", width, height), "about:blank")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	b := &Browser{t: t}
	b.dial(portOf(t, bufio.NewScanner(out)))
	for _, m := range []string{"Runtime.enable", "Log.enable", "Page.enable", "Network.enable"} {
		b.Call(m, nil, nil)
	}
	return b
}

var devtools = regexp.MustCompile(`ws://127\.0\.0\.1:(\d+)/`)

// portOf finds the port of the protocol in what the browser says at its start.
func portOf(t testing.TB, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		if m := devtools.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("the browser ended before it listened: %v", lines.Err())
	return ""
}

func (b *Browser) dial(port string) {
	b.t.Helper()
	resp, err := http.Get("http://127.0.0.1:" + port + "/json/list")
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var tabs []struct {
		Type string
		URL  string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&tabs); err != nil || len(tabs) == 0 {
		b.t.Fatalf("tabs %v: %v", tabs, err)
	}
	if b.conn, err = websocket.Dial(tabs[0].URL, "", "http://127.0.0.1/"); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = b.conn.Close()
		http.DefaultClient.CloseIdleConnections()
	})
}

// Call calls a method of the protocol; result may be nil.
func (b *Browser) Call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.next++
	_ = b.conn.SetDeadline(time.Now().Add(answerWithin))
	if err := websocket.JSON.Send(b.conn, map[string]any{"id": b.next, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	for {
		var m message
		if err := websocket.JSON.Receive(b.conn, &m); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		if m.ID != b.next {
			b.heard(m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

type message struct {
	ID                    int
	Method                string
	Params, Result, Error json.RawMessage
}

// heard notes what the browser tells by itself.
func (b *Browser) heard(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled":
		b.console = append(b.console, string(m.Params))
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if json.Unmarshal(m.Params, &p) == nil {
			b.requests = append(b.requests, p.Request.URL)
		}
	}
}

// Open opens a page.
func (b *Browser) Open(address string) {
	b.t.Helper()
	b.Call("Page.navigate", map[string]any{"url": address}, nil)
}

// Blank leaves the page for an empty one, and forgets what was asked so far.
func (b *Browser) Blank() {
	b.t.Helper()
	b.Open("about:blank")
	b.Wait(`location.href === "about:blank"`)
	b.requests = nil
}

// Eval evaluates an expression and returns its value as text.
func (b *Browser) Eval(js string) string {
	b.t.Helper()
	var r struct{ Result struct{ Value any } }
	b.Call("Runtime.evaluate", map[string]any{"expression": js, "awaitPromise": true, "returnByValue": true}, &r)
	return fmt.Sprint(r.Result.Value)
}

// Millis evaluates an expression that is a number of milliseconds.
func (b *Browser) Millis(js string) time.Duration {
	b.t.Helper()
	ms, err := strconv.ParseFloat(b.Eval(js), 64)
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// Wait waits until an expression is true, and returns how long that took.
func (b *Browser) Wait(js string) time.Duration {
	b.t.Helper()
	start := time.Now()
	for b.Eval(js) != "true" {
		if time.Since(start) > Patience {
			b.t.Fatalf("never true: %s\nconsole %q\npage %.1500s", js, b.console, b.Eval("document.body.innerText"))
		}
		<-time.After(look)
	}
	return time.Since(start)
}

// Size changes the window; a narrow one is a phone's.
func (b *Browser) Size(width, height int) {
	b.t.Helper()
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// Shot keeps a picture of the window among the test's artifacts (go test -artifacts).
func (b *Browser) Shot(name string) {
	b.t.Helper()
	var r struct{ Data string }
	b.Call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Console is what pages wrote to it so far, exceptions included.
func (b *Browser) Console() []string { return b.console }

// Requests are the addresses asked for since Blank, those of data: left out.
func (b *Browser) Requests() []string {
	var out []string
	for _, r := range b.requests {
		if !strings.HasPrefix(r, "data:") {
			out = append(out, r)
		}
	}
	return out
}

// Strange are the requests that went to another host than that of an address.
func (b *Browser) Strange(address string) []string {
	home, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, r := range b.Requests() {
		if u, err := url.Parse(r); err != nil || u.Host != home.Host && r != "about:blank" {
			out = append(out, r)
		}
	}
	return out
}
