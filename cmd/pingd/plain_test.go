package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pingd/cmd/pingd/config"
	"pingd/proxy"
)

// What proxies, the store and files tell is shown to people as text: no name, no answer and
// no error drives their terminal.
func TestHostileTextIsShownPlain(t *testing.T) {
	const evil = "a\x1b[2J\u202eb"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "explain") {
			_ = json.NewEncoder(w).Encode([]proxy.Request{{ID: evil, Host: evil, Target: evil, Service: evil}})
			return
		}
		_ = json.NewEncoder(w).Encode([]proxy.BackendStatus{{Service: evil, Name: evil, Addr: evil, Check: evil}})
	}))
	defer srv.Close()
	try := func(name string, asJSON bool) (shown string, err error) {
		var out, told bytes.Buffer
		o := config.Options{Command: config.Command{Name: name, ID: "x", JSON: asJSON}}
		o.AdminAddr = strings.TrimPrefix(srv.URL, "http://")
		err = command(t.Context(), o, streams{out: &out, err: &told})
		return out.String() + told.String(), err
	}
	ask := func(name string, asJSON bool) (shown string, err error) {
		for range 3 { // it may take two seconds: enough once, on a machine however busy
			if shown, err = try(name, asJSON); err == nil {
				break
			}
		}
		return shown, err
	}
	for _, name := range []string{"servers", "explain"} {
		shown, err := ask(name, false)
		if err != nil || strings.ContainsAny(shown, "\x1b\u202e") || !strings.Contains(shown, "a.[2J.b") || !strings.Contains(shown, "\n") {
			t.Errorf("%s: %q, %v", name, shown, err)
		}
	}
	if shown, err := ask("servers", true); err != nil || !json.Valid([]byte(shown)) || !strings.Contains(shown, "\u202e") {
		t.Errorf("JSON is for programs, and whole: %q, %v", shown, err)
	}
	file := filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(file, []byte("REDIS0009\xfa\x09redis-ver\x06"+"7\x1b[2J."+"\xff"+strings.Repeat("\x00", 8)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := config.Options{Command: config.Command{Name: "check", Path: file}}
	if err := command(t.Context(), o, streams{out: &out, err: &out}); err != nil || !strings.Contains(out.String(), "Redis 7.[2J.") {
		t.Errorf("a file: %q, %v", &out, err)
	}
	var told bytes.Buffer
	report(&told, errors.New("ask h1: "+evil+"\nhint: try again"))
	if told.String() != "pingd: ask h1: a.[2J.b\nhint: try again\n" {
		t.Errorf("told %q", &told)
	}
}
