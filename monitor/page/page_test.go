package page

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestWeight(t *testing.T) {
	if n := Size(); n > 40<<10 {
		t.Errorf("the page weighs %d bytes compressed, at most 40 KiB are promised", n)
	} else {
		t.Logf("the page weighs %d bytes compressed", n)
	}
	if len(sources) > 3 {
		t.Errorf("%d parts and the stream are more than 4 requests", len(sources))
	}
}

// TestNoOtherOrigin also holds that nothing turns text into markup or code.
func TestNoOtherOrigin(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|import\(|@import|url\(`)
	for _, s := range sources {
		text := string(s.read())
		if m := forbidden.FindString(text); m != "" {
			t.Errorf("%s holds %q", s.url, m)
		}
		for _, u := range regexp.MustCompile(`https?://[^\s"'<>)]*`).FindAllString(text, -1) {
			if u != "http://www.w3.org/2000/svg" { // the name of a namespace, never fetched
				t.Errorf("%s names another origin: %s", s.url, u)
			}
		}
	}
}

func TestSyntax(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("install the Debian package nodejs")
	}
	cmd := exec.Command(node, "--check", "--input-type=module", "-")
	cmd.Stdin = strings.NewReader(string(sources[2].read()))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("app.js: %v\n%s", err, out)
	}
}

func TestHandler(t *testing.T) {
	h := Handler()
	get := func(path string, head ...string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i+1 < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	for path, want := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/app.css": "text/css"} {
		r := get(path)
		if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.Header.Get("Content-Type"))
		}
		plain, _ := io.ReadAll(r.Body)
		zipped := get(path, "Accept-Encoding", "gzip")
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(z); string(b) != string(plain) {
			t.Errorf("%s differs when compressed", path)
		}
		if r := get(path, "If-None-Match", r.Header.Get("ETag")); r.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d for the current one", path, r.StatusCode)
		}
	}
	if r := get("/js/app.js"); r.StatusCode != 404 {
		t.Errorf("a source file is served: %d", r.StatusCode)
	}
}
