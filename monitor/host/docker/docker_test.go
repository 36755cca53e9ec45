package docker

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine answers on a socket as an engine would.
func engine(t *testing.T, status int, body string) *Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/containers/json" {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.Close)
	return New(path)
}

func TestContainers(t *testing.T) {
	e := engine(t, 200, `[
		{"Id":"aa","Names":["/web/db","/db"],"Image":"redis:7","Labels":{"com.docker.compose.service":"store","x":"y"},"State":"running"},
		{"Id":"bb","Names":[],"Image":"sha256:1","Labels":null}]`)
	got, err := e.Containers(t.Context())
	if err != nil || len(got) != 2 || got["aa"] != (Container{"db", "redis:7", "store"}) || got["bb"] != (Container{"", "sha256:1", ""}) {
		t.Errorf("containers %+v, %v", got, err)
	}
	if !e.Present() {
		t.Error("a socket that is there is not present")
	}
}

func TestMistakes(t *testing.T) {
	for want, e := range map[string]*Engine{
		"500":                  engine(t, 500, "no"),
		"read the containers":  engine(t, 200, "{"),
		"no such file":         New(filepath.Join(t.TempDir(), "none")),
		"unexpected EOF":       engine(t, 200, `[{"Id":"aa"`),
		"cannot unmarshal obj": engine(t, 200, `{"message":"denied"}`),
	} {
		if _, err := e.Containers(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if New(t.TempDir()).Present() {
		t.Error("a directory is a socket")
	}
}

// TestRealEngine asks the engine of this machine, if there is one.
func TestRealEngine(t *testing.T) {
	e := New("/var/run/docker.sock")
	if !e.Present() {
		t.Skip("no Docker engine runs here: install the Debian package docker.io and start dockerd")
	}
	got, err := e.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, c := range got {
		if len(id) != 64 || c.Name == "" || strings.Contains(c.Name, "/") {
			t.Errorf("container %q: %+v", id, c)
		}
	}
}
