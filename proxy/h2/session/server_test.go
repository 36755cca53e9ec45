package session

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestServeGoClient(t *testing.T) {
	addr, _ := listen(t, Config{Handle: handle(t, echo)})
	c := transport(t)
	resp, body := do(t, c, "GET", "http://"+addr+"/a?b=c;d", nil)
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 || resp.Header.Get("X-From") != "echo" || resp.Header.Get("Connection") != "" {
		t.Errorf("%+v", resp)
	}
	has(t, body, "GET "+addr+" /a?b=c;d 0 ")
	resp, body = do(t, c, "HEAD", "http://"+addr+"/", nil)
	if body != "" || resp.ContentLength <= 0 {
		t.Errorf("HEAD: %q, %d", body, resp.ContentLength)
	}
	_, body = do(t, c, "POST", "http://"+addr+"/", strings.NewReader("hello"))
	has(t, body, " 5 ")
	_, body = do(t, c, "POST", "http://"+addr+"/", io.MultiReader(strings.NewReader(strings.Repeat("x", 3<<20))))
	has(t, body, fmt.Sprintf(" %d ", 3<<20))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			_, body := do(t, c, "GET", fmt.Sprintf("http://%s/%d", addr, i), nil)
			has(t, body, fmt.Sprintf(" /%d ", i))
		})
	}
	wg.Wait()
}

func TestLargeResponse(t *testing.T) {
	const size = 5 << 20
	addr, _ := listen(t, Config{Handle: handle(t, func(w io.Writer, r *http.Request) error {
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
		part := strings.Repeat("y", 10_000)
		for left := size; left > 0; left -= len(part) {
			part = part[:min(len(part), left)]
			if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", len(part), part); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "0\r\nX-Sum: 1\r\n\r\n")
		return err
	})})
	resp, body := do(t, transport(t), "GET", "http://"+addr+"/", nil)
	if len(body) != size || resp.Trailer.Get("X-Sum") != "1" {
		t.Errorf("%d bytes, trailers %v", len(body), resp.Trailer)
	}
}

// TestTruncationIsVisible: a response that breaks off does not look whole.
func TestTruncationIsVisible(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"HTTP/1.1 200 OK\r\n\r\nhello",
	} {
		addr, _ := listen(t, Config{Handle: handle(t, func(w io.Writer, r *http.Request) error {
			_, err := io.WriteString(w, text)
			return err
		})})
		resp, err := transport(t).Get("http://" + addr + "/")
		if err != nil {
			continue // before the head came: visible too
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Errorf("%q: a broken response looks whole: %q", text, got)
		}
	}
}

// TestInterim: 1xx responses come through before the final one.
func TestInterim(t *testing.T) {
	addr, _ := listen(t, Config{Handle: handle(t, func(w io.Writer, r *http.Request) error {
		_, err := io.WriteString(w, "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
		return err
	})})
	if resp, _ := do(t, transport(t), "GET", "http://"+addr+"/", nil); resp.StatusCode != 204 {
		t.Error(resp.Status)
	}
}

// TestEarlyAnswer: an answer before the whole request reaches the client, which
// is told to stop.
func TestEarlyAnswer(t *testing.T) {
	addr, _ := listen(t, Config{Handle: func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<10))
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n")
	}})
	pr, pw := io.Pipe()
	go func() {
		for {
			if _, err := pw.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	}()
	resp, body := do(t, transport(t), "POST", "http://"+addr+"/", pr)
	if resp.StatusCode != 413 || body != "no\n" {
		t.Errorf("%s %q", resp.Status, body)
	}
	_ = pr.CloseWithError(errors.New("over"))
}

// TestGracefulStop: what is under way is finished.
func TestGracefulStop(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	addr, stop := listen(t, Config{Handle: handle(t, func(w io.Writer, r *http.Request) error {
		close(begun)
		<-finish
		return echo(w, r)
	})})
	got := make(chan string)
	go func() {
		_, body := do(t, transport(t), "GET", "http://"+addr+"/x", nil)
		got <- body
	}()
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(finish)
	has(t, <-got, " /x ")
	<-stopped
}

// TestCancelReachesTheHandler: a client that takes its request back is noticed.
func TestCancelReachesTheHandler(t *testing.T) {
	gone := make(chan struct{})
	addr, _ := listen(t, Config{Handle: func(c net.Conn) {
		c.(*stream).OnGone(func() { close(gone) })
		<-gone
		if _, err := c.Read(make([]byte, 1000)); err != nil {
			t.Error("what came before is lost:", err)
		}
		if _, err := c.Read(make([]byte, 1000)); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}})
	pr, pw := io.Pipe()
	go func() { <-gone; _ = pw.Close() }()
	req, _ := http.NewRequestWithContext(within(t), "POST", "http://"+addr+"/", pr)
	c := transport(t)
	c.Timeout = 200 * 1e6
	if _, err := c.Do(req); err == nil {
		t.Error("answered")
	}
	<-gone
}
