package keep

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/cmd/pingd/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names lists what lies in a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestOutFile holds that a file is there whole or not at all, for its owner alone, and
// that what was there before stays until then.
func TestOutFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{false, true} {
		f, err := create(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "after"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != "before" {
			t.Errorf("while it is written there is %q", got)
		}
		want := "before"
		if commit {
			want = "after"
			if err := f.commit(); err != nil {
				t.Error(err)
			}
		}
		f.abort()
		f.abort() // and again: nothing
		if got := read(t, path); got != want {
			t.Errorf("committed %v: %q", commit, got)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("committed %v: there are %q", commit, got)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: data is for its owner alone", info.Mode(), err)
	}
}

func TestOutFileRefuses(t *testing.T) {
	dir := t.TempDir()
	for path, hint := range map[string]string{
		dir:                             "hint: pingd backup - > " + dir,
		os.DevNull:                      "hint: pingd backup - > /dev/null",
		filepath.Join(dir, "none", "x"): "",
		filepath.Join(os.DevNull, "x"):  "",
		filepath.Join(dir, "x\x00y"):    "",
	} {
		f, err := create(path, nil)
		if err == nil || !strings.Contains(err.Error(), hint) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", path, f, err)
		}
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
	var out bytes.Buffer
	f, err := create(stdoutName, &out)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, "x")
	if err := f.commit(); err != nil || out.String() != "x" {
		t.Errorf("standard output: %q, %v", &out, err)
	}
	f.abort()
}

// TestOpenInput holds that what comes on standard input can be read twice, and that a
// file which cannot is refused.
func TestOpenInput(t *testing.T) {
	const text = "what was backed up"
	f, err := openInput(stdoutName, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if got, err := io.ReadAll(f); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy has a name: %v", err)
	}
	broken := errors.New("broken pipe")
	if _, err := openInput(stdoutName, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir: "hint: pingd restore - < " + dir, os.DevNull: "no regular file", filepath.Join(dir, "none"): "no such file",
	} {
		if f, err := openInput(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
}

// TestProgress tells at most every two seconds, and the end.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, "backup")
		for range 50 { // five seconds
			<-time.After(100 * time.Millisecond)
			p.add(1_000_000)
		}
		if got, want := out.String(), "pingd: backup: 20.0 MB in 2s, 10.0 MB/s\npingd: backup: 40.0 MB in 4s, 10.0 MB/s\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		out.Reset()
		n, err := io.Copy(io.Discard, p.reader(strings.NewReader("12345")))
		p.done("%d keys", 7)
		if want := "pingd: backup done: 7 keys, 50.0 MB in 5s, 10.0 MB/s\n"; n != 5 || err != nil || out.String() != want {
			t.Errorf("%d, %v, %q, want %q", n, err, &out, want)
		}
	})
	var out bytes.Buffer
	newProgress(&out, "check").done("nothing") // in no time: no dividing by it
	if strings.Contains(out.String(), "Inf") || strings.Contains(out.String(), "NaN") {
		t.Errorf("%q", &out)
	}
}

// TestRegistrations holds which keys a restore leaves alone: those of living processes,
// which expire and lie in the first database.
func TestRegistrations(t *testing.T) {
	for _, test := range []struct {
		db     uint8
		name   string
		expire int64
		is     bool
	}{
		{0, "/app/servers/a", 1, true},
		{0, "/app/servers/a", 0, false}, // written by hand: data
		{1, "/app/servers/a", 1, false},
		{0, "/app/server", 1, false},
		{0, "x/app/servers/a", 1, false},
		{0, "/pingd/nodes/n", 1, true},
		{0, "/pingd/silences/s", 1, true},
		{0, "", 1, false},
	} {
		if got := isRegistration(test.db, []byte(test.name), test.expire); got != test.is {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestCheckRefuses gives what is neither a data directory nor a backup: an error names
// it, nothing is called intact.
func TestCheckRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "text": "hello", "half": "REDIS0011", "zeros": strings.Repeat("\x00", 100)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range append(names(t, dir), "none", ".") {
		path = filepath.Join(dir, path)
		var out bytes.Buffer
		err := Check(path, Streams{Out: &out, Err: io.Discard})
		if err == nil || strings.Contains(out.String(), "intact") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v\n%s", path, err, &out)
		}
	}
	// What check does not find, recover does not make.
	o := config.Options{General: config.General{Name: "n", Data: filepath.Join(dir, "none")}}
	var out bytes.Buffer
	if err := Recover(o, slog.New(slog.DiscardHandler), Streams{Out: &out, Err: io.Discard}); err == nil {
		t.Errorf("recovered from nothing:\n%s", &out)
	}
	if _, err := os.Stat(o.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made the directory: %v", err)
	}
}
