package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestBothWaysOverHTTP2: as gRPC does, a client and a server that both speak HTTP/2
// send each other messages in turn within one request, and the outcome is in the
// trailers.
func TestBothWaysOverHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Header.Get("Content-Type") != "application/grpc" {
			t.Errorf("%s, te %q", r.Proto, r.Header.Get("Te"))
		}
		if r.URL.Path == "/unknown" { // the answer is in the head alone
			w.Header().Set("Grpc-Status", "12")
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				_, _ = w.Write(append([]byte("re:"), buf[:n]...))
				_ = flush.Flush()
			}
			if err != nil {
				break
			}
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	engines(t, func(t *testing.T, loops int) {
		p, pool := runSecure(t, Config{Loops: loops, Source: Static([]Backend{backend(t, "a", addr+" proto=h2")})})
		plain := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
		plain.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(plain.CloseIdleConnections)
		for name, c := range map[string]struct {
			*http.Client
			url string
		}{
			"TLS": {over(t, pool, true), "https://" + p.Addrs()["proxy-tls"]}, "in clear": {&http.Client{Transport: plain}, "http://" + p.Addrs()["proxy"]},
		} {
			t.Run(name, func(t *testing.T) {
				pr, pw := io.Pipe()
				req, _ := http.NewRequestWithContext(t.Context(), "POST", c.url+"/echo", pr)
				req.Header.Set("Content-Type", "application/grpc")
				req.Header.Set("Te", "trailers")
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				buf := make([]byte, 100)
				for _, word := range []string{"one", "two", "three"} {
					_, _ = io.WriteString(pw, word)
					n, err := io.ReadFull(resp.Body, buf[:len("re:"+word)])
					if err != nil || string(buf[:n]) != "re:"+word {
						t.Fatalf("%q, %v", buf[:n], err)
					}
				}
				_ = pw.Close()
				if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 || resp.Trailer.Get("Grpc-Status") != "0" {
					t.Errorf("%q, %v, trailers %v", rest, err, resp.Trailer)
				}
				req, _ = http.NewRequestWithContext(t.Context(), "POST", c.url+"/unknown", http.NoBody)
				req.Header.Set("Content-Type", "application/grpc")
				if resp, _ := fetchReq(t, c.Client, req); resp.Header.Get("Grpc-Status") != "12" {
					t.Errorf("%v", resp.Header)
				}
			})
		}
		// A client of HTTP/1.1 reaches the same server.
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.Addrs()["proxy"]+"/unknown", http.NoBody)
		req.Header.Set("Content-Type", "application/grpc")
		if resp, _ := fetchReq(t, fetcher(t), req); resp.Header.Get("Grpc-Status") != "12" || resp.ProtoMajor != 1 {
			t.Errorf("%s %v", resp.Proto, resp.Header)
		}
	})
}
