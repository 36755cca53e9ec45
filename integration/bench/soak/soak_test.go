package soak

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/bench/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSoakTellsWhatGrows(t *testing.T) {
	flat := Holding{Memory: 100, Files: 50, Goroutines: 300, Disk: 400}
	for want, change := range map[string]func(h *Holding, part float64){
		"":           func(*Holding, float64) {},
		"memory":     func(h *Holding, part float64) { h.Memory += 200 * part },
		"open files": func(h *Holding, part float64) { h.Files += 100 * part },
		"goroutines": func(h *Holding, part float64) { h.Goroutines += 300 * part },
		"disk":       func(h *Holding, part float64) { h.Disk += 2000 * part },
	} {
		var held []Holding
		for i := range 40 {
			h := flat
			change(&h, float64(i)/40)
			held = append(held, h)
		}
		got := grown(held)
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%q: %q", want, got)
		}
	}
	// What only the first quarter is short of is warming up, and one high value is
	// no growth.
	var held []Holding
	for i := range 40 {
		h := flat
		if i < 10 {
			h.Memory = 10
		}
		if i == 38 {
			h.Memory, h.Disk = 1000, 10000
		}
		held = append(held, h)
	}
	if got := grown(held); got != nil {
		t.Errorf("%q", got)
	}
	if got := grown(held[:3]); got != nil {
		t.Errorf("too few to tell: %q", got)
	}
}

func TestSoakReads(t *testing.T) {
	text := []byte("# HELP go_goroutines x\ngo_goroutines 42\ngo_goroutines_other 7\nprocess_open_fds 1.5e+01\nbad x\n")
	for name, want := range map[string]float64{"go_goroutines": 42, "process_open_fds": 15, "go": 0, "bad": 0} {
		if got := metric(text, name); got != want {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
	dir := t.TempDir()
	var want int64
	for name, size := range map[string]int{"store1/raft.db": 100, "store1/wal/1": 50, "store1.log": 1000, "bin/pingd": 2000} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if size > 100 {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want += onDisk(info)
	}
	if got, err := below(dir); got != want || got == 0 || err != nil {
		t.Errorf("%d bytes, %v; want %d, those of the data", got, err, want)
	}
}

func TestSoakValidatesAndPrints(t *testing.T) {
	good := Command{For: time.Hour, Clients: 1, Every: time.Second}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Command{{}, {For: 3 * time.Second, Clients: 1, Every: time.Second}, {For: time.Hour, Every: time.Second}} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
	var text bytes.Buffer
	r := &Report{
		Faults: map[string]int{"kill-app": 3}, Gaps: map[string]float64{"kill-app": 0.25},
		Held: []Holding{{At: 1, Memory: 9}, {At: 2, Memory: 11}}, ErrorKinds: map[string]int64{"timeout": 2},
	}
	if err := r.print(&session.Session{Stdout: &text}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kill-app        3 times, longest gap 0.25 s", "2 x timeout", "nothing grows"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
}
