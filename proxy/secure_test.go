package proxy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// certificate writes a self-signed certificate for localhost with its key and
// returns the file, and who trusts it.
func certificate(t testing.TB) (file string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost", "h"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...)
	file = filepath.Join(t.TempDir(), "localhost.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return file, pool
}

// runSecure is run with a listener for TLS.
func runSecure(t *testing.T, cfg Config) (p *Proxy, pool *x509.CertPool) {
	t.Helper()
	file, pool := certificate(t)
	cfg.TLS = &TLS{Addr: "127.0.0.1:0", Certificates: []string{file}}
	return run(t, cfg), pool
}

// over is a client that speaks TLS, with HTTP/2 or without.
func over(t testing.TB, pool *x509.CertPool, h2 bool) *http.Client {
	t.Helper()
	tr := &http.Transport{
		DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, Protocols: new(http.Protocols),
	}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func fetch(t *testing.T, c *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %d bytes", method, url, err, len(text))
	}
	return resp, string(text)
}

// tells is a server that answers with what it was told.
func tells(t *testing.T) Source {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s %s %s %s via=%s for=%s proto=%s body=%d trailer=%v", r.Method, r.Host, r.URL, r.Proto,
			r.Header.Get("Via"), r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), n, r.Trailer)
		if r.URL.Path == "/big" {
			_, _ = w.Write(make([]byte, 3<<20))
		}
		w.Header().Set("X-Sum", "7")
	}))
	t.Cleanup(srv.Close)
	return Static([]Backend{backend(t, "a", srv.Listener.Addr().String())})
}

func TestOverTLS(t *testing.T) {
	p, pool := runSecure(t, Config{Source: tells(t)})
	url := "https://" + p.Addrs()["proxy-tls"]
	for name, c := range map[string]*http.Client{"HTTP/1.1": over(t, pool, false), "HTTP/2.0": over(t, pool, true)} {
		t.Run(name, func(t *testing.T) {
			via := strings.TrimPrefix(name, "HTTP/")
			resp, body := fetch(t, c, "GET", url+"/x?a=1;b", nil)
			if resp.Proto != name || resp.StatusCode != 200 || resp.Header.Get("X-Request-Id") == "" || resp.Trailer.Get("X-Sum") != "7" {
				t.Errorf("%+v", resp)
			}
			if want := "GET " + p.Addrs()["proxy-tls"] + " /x?a=1;b HTTP/1.1 via=" + via + " pingd for=127.0.0.1 proto=https body=0 trailer=map[]"; body != want {
				t.Errorf("got  %s\nwant %s", body, want)
			}
			if _, body = fetch(t, c, "POST", url+"/", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)))); !strings.Contains(body, "body=1048576") {
				t.Error(body)
			}
			if _, body = fetch(t, c, "GET", url+"/big", nil); len(body) < 3<<20 {
				t.Errorf("%d bytes", len(body))
			}
			if resp, _ := fetch(t, c, "HEAD", url+"/", nil); resp.StatusCode != 200 {
				t.Error(resp.Status)
			}
			if resp, _ := fetch(t, c, "GET", url+"/", nil); resp.TLS.Version != tls.VersionTLS13 {
				t.Errorf("TLS %x", resp.TLS.Version)
			}
		})
	}
	s := p.Status().(Status)
	if s.TLS == nil || s.TLS.Handshakes < 2 || len(s.TLS.Certificates) != 1 || s.TLS.Certificates[0].Names[0] != "localhost" {
		t.Errorf("%+v", s.TLS)
	}
}

// TestStrictOverHTTP2: what comes by HTTP/2 meets the rules of all requests.
func TestStrictOverHTTP2(t *testing.T) {
	p, pool := runSecure(t, Config{Source: tells(t)})
	c := over(t, pool, true)
	url := "https://" + p.Addrs()["proxy-tls"]
	req, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
	req.Header.Set("X-Big", strings.Repeat("x", 40<<10))
	if resp, err := c.Do(req); err != nil || resp.StatusCode != 431 {
		t.Errorf("a large head: %v %v", resp, err)
	}
	req, _ = http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
	req.Host = "a b"
	if resp, err := c.Do(req); err == nil && resp.StatusCode != 400 {
		t.Errorf("a bad host: %v", resp.Status)
	}
	req, _ = http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
	req.Header["X-Forwarded-For"] = []string{"9.9.9.9"}
	req.Header["X-Forwarded-Proto"] = []string{"gopher"}
	if _, body := fetchReq(t, c, req); !strings.Contains(body, "for=127.0.0.1 proto=https") {
		t.Error("a stranger is believed:", body)
	}
}

func fetchReq(t *testing.T, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// need returns the path of an outside program.
func need(t *testing.T, name, how string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed: %s", name, how)
	}
	return path
}

func TestH2spec(t *testing.T) {
	h2spec := need(t, "h2spec", "go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible")
	p, _ := runSecure(t, Config{Source: tells(t), Timeouts: Timeouts{Grace: time.Second}})
	spec := func(name string, args ...string) string {
		host, port, _ := net.SplitHostPort(p.Addrs()[name])
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, _ := exec.CommandContext(ctx, h2spec, append(args, "-h", host, "-p", port, "-o", "5")...).CombinedOutput()
		return string(out)
	}
	if out := spec("proxy-tls", "-t", "-k"); !strings.Contains(out, "145 tests, 145 passed, 0 skipped, 0 failed") {
		t.Errorf("over TLS: %s", out)
	}
	// In clear the port serves HTTP/1 too: what does not begin as HTTP/2 does is
	// answered in that, which the one test of a wrong beginning cannot read.
	wrong := regexp.MustCompile(`(?s)Failures:.*HTTP/2 Connection Preface\s+× 2: Sends invalid connection preface.*145 tests, 144 passed, 0 skipped, 1 failed`)
	if out := spec("proxy"); !wrong.MatchString(out) {
		t.Errorf("in clear: %s", out)
	}
}

func TestCurl(t *testing.T) {
	curl := need(t, "curl", "apt-get install curl")
	p, _ := runSecure(t, Config{Source: tells(t)})
	plain, secure := "http://"+p.Addrs()["proxy"]+"/x", "https://"+p.Addrs()["proxy-tls"]+"/x"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"HTTP/1.0":             {[]string{"--http1.0", plain}, "1.1 200 GET"},
		"HTTP/1.1":             {[]string{"--http1.1", plain}, "1.1 200 GET"},
		"prior knowledge":      {[]string{"--http2-prior-knowledge", plain}, "2 200 GET"},
		"no upgrade to h2c":    {[]string{"--http2", plain}, "1.1 200 GET"},
		"HTTP/1.1 over TLS":    {[]string{"-k", "--http1.1", secure}, "1.1 200 GET"},
		"HTTP/2 over TLS":      {[]string{"-k", "--http2", secure}, "2 200 GET"},
		"TLS 1.2":              {[]string{"-k", "--tls-max", "1.2", secure}, "2 200 GET"},
		"POST over HTTP/2":     {[]string{"-k", "--http2", "-d", "a=b", secure}, "2 200 POST"},
		"HEAD over HTTP/2":     {[]string{"-k", "--http2", "-I", secure}, "2 200 "},
		"Expect, over HTTP/2":  {[]string{"-k", "--http2", "-H", "Expect: 100-continue", "-d", "a=b", secure}, "2 200 POST"},
		"Expect":               {[]string{"-H", "Expect: 100-continue", "-d", "a=b", plain}, "1.1 200 POST"},
		"large POST by HTTP/2": {[]string{"-k", "--http2", "--data-binary", "@/proc/self/exe", secure}, "2 200 POST"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		args := append([]string{"-sS", "-w", "%{stderr}%{http_version} %{http_code}"}, c.args...)
		var out, told bytes.Buffer
		cmd := exec.CommandContext(ctx, curl, args...)
		cmd.Stdout, cmd.Stderr = &out, &told
		err := cmd.Run()
		cancel()
		body := out.String()
		if strings.HasPrefix(body, "HTTP/") {
			body = ""
		}
		if got := told.String() + " " + body; err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %v, %.200s", name, err, got)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, curl, "-sS", "-k", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", secure).CombinedOutput(); err == nil {
		t.Errorf("TLS 1.1 is served: %s", out)
	}
}

func TestH2load(t *testing.T) {
	h2load := need(t, "h2load", "apt-get install nghttp2-client")
	p, _ := runSecure(t, Config{Source: tells(t)})
	for _, url := range []string{"http://" + p.Addrs()["proxy"] + "/", "https://" + p.Addrs()["proxy-tls"] + "/"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, h2load, "-n", "2000", "-c", "10", "-m", "20", url).CombinedOutput()
		cancel()
		if err != nil || !strings.Contains(string(out), "2000 succeeded, 0 failed, 0 errored") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestRedirectToHTTPS: with a port for TLS, the plain one sends clients there.
func TestRedirectToHTTPS(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		p, pool := runSecure(t, Config{Loops: loops, Source: tells(t), RedirectPort: 8443})
		c := fetcher(t)
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if resp, _ := fetch(t, c, "GET", "http://"+p.Addrs()["proxy"]+"/a?b", nil); resp.StatusCode != 308 || resp.Header.Get("Location") != "https://127.0.0.1:8443/a?b" {
			t.Errorf("%s to %q", resp.Status, resp.Header.Get("Location"))
		}
		if resp, _ := fetch(t, over(t, pool, true), "GET", "https://"+p.Addrs()["proxy-tls"]+"/", nil); resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
	})
}

// TestAnnounced: a proxy in front tells whom a connection is from; strangers cannot.
func TestAnnounced(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		near := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		file, pool := certificate(t)
		p := run(t, Config{Loops: loops, Source: tells(t), Announced: near, TLS: &TLS{Addr: "127.0.0.1:0", Certificates: []string{file}}})
		dial := func(name string, first ...string) net.Conn {
			c, err := net.Dial("tcp", p.Addrs()[name])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			for _, piece := range first {
				_, _ = io.WriteString(c, piece)
			}
			return c
		}
		request := "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
		read := func(c net.Conn) string { b, _ := io.ReadAll(c); return string(b) }
		header := "PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n"
		for name, pieces := range map[string][]string{
			"at once": {header + request}, "in pieces": {header[:9], header[9:], request}, "two requests": {header + "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" + request},
		} {
			if got := read(dial("proxy", pieces...)); !strings.Contains(got, " for=203.0.113.7 ") || strings.Contains(got, "for=127.0.0.1") {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := read(dial("proxy", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", request)); !strings.Contains(got, " for=127.0.0.1 ") {
			t.Errorf("the proxy's own connection: %q", got)
		}
		if got := read(dial("proxy", request)); got != "" {
			t.Errorf("without a header: %q", got)
		}
		// A request that is handed over keeps whom it is from.
		up := "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n\r\n"
		if got := read(dial("proxy", header+up)); !strings.Contains(got, " for=203.0.113.7 ") {
			t.Errorf("handed over: %q", got)
		}
		c := tls.Client(dial("proxy-tls", header), &tls.Config{RootCAs: pool, ServerName: "localhost"})
		_, _ = io.WriteString(c, request)
		if got := read(c); !strings.Contains(got, " for=203.0.113.7 proto=https ") {
			t.Errorf("over TLS: %q", got)
		}
	})
}

// TestWebSocketOverHTTP2: an extended CONNECT becomes the upgrade that it stands for
// (RFC 8441), and bytes go both ways.
func TestWebSocketOverHTTP2(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var head []byte
				for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b...) {
					if _, err := c.Read(b); err != nil {
						return
					}
				}
				if !bytes.HasPrefix(head, []byte("GET /chat HTTP/1.1\r\n")) || !bytes.Contains(head, []byte("\r\nConnection: Upgrade\r\n")) {
					t.Errorf("asked %q", head)
				}
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello ")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	p, pool := runSecure(t, Config{Source: Static([]Backend{backend(t, "a", ln.Addr().String())})})
	c, err := tls.Dial("tcp", p.Addrs()["proxy-tls"], &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/chat"}, {":authority", "localhost"}, {"sec-websocket-version", "13"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = fr.WriteData(1, false, []byte("and "))
	_ = fr.WriteData(1, true, []byte("back"))
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var got strings.Builder
	for ended := false; !ended; {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatal(err, got.String())
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			got.WriteString(f.PseudoValue("status") + ":")
		case *http2.DataFrame:
			got.Write(f.Data())
			ended = f.StreamEnded()
		case *http2.RSTStreamFrame:
			t.Fatal(f.ErrCode, got.String())
		}
	}
	if got.String() != "200:hello and back" {
		t.Error(got.String())
	}
}

// TestServerSentEvents: what a server sends is at the client at once, by all three
// ways.
func TestServerSentEvents(t *testing.T) {
	next := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for i := range 20 {
			<-next
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer srv.Close()
	p, pool := runSecure(t, Config{Source: Static([]Backend{backend(t, "a", srv.Listener.Addr().String())})})
	for name, c := range map[string]struct {
		*http.Client
		url string
	}{
		"plain": {fetcher(t), "http://" + p.Addrs()["proxy"]}, "TLS": {over(t, pool, false), "https://" + p.Addrs()["proxy-tls"]}, "HTTP/2": {over(t, pool, true), "https://" + p.Addrs()["proxy-tls"]},
	} {
		resp, err := c.Get(c.url + "/events")
		if err != nil {
			t.Fatal(err)
		}
		best := time.Hour
		buf := make([]byte, 100)
		for i := range 20 {
			began := time.Now()
			next <- struct{}{}
			n, err := resp.Body.Read(buf)
			if want := fmt.Sprintf("data: %d\n\n", i); err != nil && err != io.EOF || string(buf[:n]) != want {
				t.Fatalf("%s: %q, %v", name, buf[:n], err)
			}
			best = min(best, time.Since(began))
		}
		_ = resp.Body.Close()
		if best > 20*time.Millisecond { // the best of twenty: the machine may be busy
			t.Errorf("%s: an event takes %v", name, best)
		}
	}
}

// TestSecureConfigMistakes: a certificate that cannot be used is told at the start.
func TestSecureConfigMistakes(t *testing.T) {
	_, err := New(Config{Addr: "127.0.0.1:0", Source: Static(nil), TLS: &TLS{Addr: "127.0.0.1:0", Certificates: []string{"/nowhere.pem"}}})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "hint: --proxy-cert=") {
		t.Error(err)
	}
	file, _ := certificate(t)
	p, err := New(Config{Addr: "127.0.0.1:0", Source: Static(nil), TLS: &TLS{Addr: "127.0.0.1:0", Certificates: []string{file}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Addr: "127.0.0.1:0", Source: Static(nil), TLS: &TLS{Addr: p.Addrs()["proxy-tls"], Certificates: []string{file}}}); err == nil || !strings.Contains(err.Error(), "hint:") {
		t.Error("port taken twice:", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestGoodbyeOverHTTP2: a request under way when the proxy stops is finished, and
// clients that are idle are told.
func TestGoodbyeOverHTTP2(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "late")
	}))
	defer srv.Close()
	file, pool := certificate(t)
	p, err := New(Config{Addr: "127.0.0.1:0", Source: Static([]Backend{backend(t, "a", srv.Listener.Addr().String())}), TLS: &TLS{Addr: "127.0.0.1:0", Certificates: []string{file}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	var wg sync.WaitGroup
	wg.Go(func() {
		resp, err := over(t, pool, true).Get("https://" + p.Addrs()["proxy-tls"] + "/")
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "late" {
			t.Errorf("%q, %v", body, err)
		}
	})
	<-begun
	stop()
	close(finish)
	wg.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestHandshakeWhileStopping: a client whose handshake is under way when the proxy stops
// is served, as one is that is idle: its next request may be on its way. Of six tries
// one has to be in time on a busy machine.
func TestHandshakeWhileStopping(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			source := tells(t)
			var err error
			for range 6 {
				if err = handshakeWhileStopping(t, source, protocol); err == nil {
					return
				}
			}
			t.Error(err)
		})
	}
}

func handshakeWhileStopping(t *testing.T, source Source, protocol string) error {
	file, pool := certificate(t)
	p, err := New(Config{Addr: "127.0.0.1:0", Source: source, TLS: &TLS{Addr: "127.0.0.1:0", Certificates: []string{file}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	addr := p.Addrs()["proxy-tls"]
	settled(t, p, 1)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	for p.Status().(Status).Connections == 0 {
		<-time.After(time.Millisecond)
	}
	stop()
	for other, err := net.Dial("tcp", addr); err == nil; other, err = net.Dial("tcp", addr) {
		_ = other.Close()
	}
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(protocol != "h2")
	tr.Protocols.SetHTTP2(protocol == "h2")
	tr.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		over := tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{protocol}})
		return over, over.HandshakeContext(ctx)
	}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(httptest.NewRequest("GET", "https://localhost/", nil))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		return fmt.Errorf("%s %q: %w", resp.Status, text, err)
	}
	return nil
}
