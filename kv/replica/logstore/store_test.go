package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir, kind string) *Store {
	t.Helper()
	s, err := Open(dir, kind, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func entries(from, to uint64, data string) []*raft.Log {
	var list []*raft.Log
	for i := from; i <= to; i++ {
		list = append(list, &raft.Log{Index: i, Term: 1, Data: fmt.Appendf(nil, "%s %d", data, i)})
	}
	return list
}

func check(t *testing.T, s *Store, from, to uint64, data string) {
	t.Helper()
	for i := from; i <= to; i++ {
		var e raft.Log
		if err := s.Logs.GetLog(i, &e); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if want := fmt.Sprintf("%s %d", data, i); string(e.Data) != want {
			t.Fatalf("entry %d holds %q, want %q", i, e.Data, want)
		}
	}
}

func TestLogSurvivesReopeningAlsoAfterItsEndWasCutOff(t *testing.T) {
	for _, kind := range []string{WAL, Bolt} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, kind)
			steps := []func(){
				func() { must(t, s.Logs.StoreLogs(entries(1, 20, "old"))) },
				func() { must(t, s.Logs.DeleteRange(11, 20)) },
				func() { must(t, s.Logs.StoreLogs(entries(11, 30, "new"))) },
				func() { must(t, s.Logs.DeleteRange(25, 30)) },
				func() { snapshot(t, s, 10, "state"); must(t, s.Logs.DeleteRange(1, 5)) },
				func() { must(t, s.Logs.StoreLogs(entries(25, 40, "newest"))) },
			}
			for _, step := range steps {
				step()
				must(t, s.Close())
				s = open(t, dir, kind)
			}
			check(t, s, 6, 10, "old")
			check(t, s, 11, 24, "new")
			check(t, s, 25, 40, "newest")
			last, err := s.Logs.LastIndex()
			first, err2 := s.Logs.FirstIndex()
			if last != 40 || first != 6 || err != nil || err2 != nil {
				t.Fatalf("log from %d to %d: %v, %v", first, last, err, err2)
			}
			must(t, s.Close())
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	used := t.TempDir()
	s := open(t, used, WAL)
	defer s.Close()
	bolted := t.TempDir()
	must(t, open(t, bolted, Bolt).Close())
	closed := t.TempDir()
	must(t, os.Chmod(closed, 0))
	cases := []struct {
		name, dir, kind string
		want            error
	}{
		{"in use", used, WAL, ErrInUse},
		{"a file", file, WAL, ErrNotADir},
		{"below a file", filepath.Join(file, "x"), WAL, ErrNotADir},
		{"no rights", closed, WAL, ErrNoAccess},
		{"another kind", bolted, WAL, nil},
		{"no kind", t.TempDir(), "paper", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "no rights" && os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			s, err := Open(c.dir, c.kind, hclog.NewNullLogger())
			if err == nil {
				t.Fatal("opened", s.Close())
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			t.Log(err)
		})
	}
}

func TestFactsAndInstanceLast(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, WAL)
	var got []string
	if found, err := s.Fact("names", &got); found || err != nil {
		t.Fatal(found, err)
	}
	must(t, s.SetFact("names", []string{"a", "b"}))
	id, err := s.Instance()
	must(t, err)
	must(t, s.Close())
	s = open(t, dir, WAL)
	defer s.Close()
	if found, err := s.Fact("names", &got); !found || err != nil || len(got) != 2 {
		t.Fatal(found, err, got)
	}
	if again, err := s.Instance(); err != nil || again != id || id == "" {
		t.Fatal(again, id, err)
	}
}

// broken is a log store whose disk has died.
type broken struct{ raft.LogStore }

func (broken) StoreLogs([]*raft.Log) error { return errors.New("input/output error") }

func TestAFailedWriteIsLatchedAndTold(t *testing.T) {
	s := open(t, t.TempDir(), WAL)
	defer s.Close()
	synced := 0
	s.OnSync(func(time.Duration) { synced++ })
	must(t, s.Logs.StoreLogs(entries(1, 3, "x")))
	s.Logs.LogStore = broken{s.Logs.LogStore}
	if err := s.Logs.StoreLog(entries(4, 4, "x")[0]); err == nil {
		t.Fatal("no error")
	}
	if err := <-s.Failed(); err == nil {
		t.Fatal("no failure told")
	}
	if synced != 1 || s.Busy() != 0 {
		t.Fatal(synced, s.Busy())
	}
	if bytes, n := s.Logs.Grown(); n != 3 || bytes != 9 {
		t.Fatal(bytes, n)
	}
	s.Logs.Trimmed(9, 3)
	if bytes, n := s.Logs.Grown(); n != 0 || bytes != 0 {
		t.Fatal(bytes, n)
	}
}

// A node that leads and is killed again and again has the end of its log cut off each time.
func TestSegmentsThatWereCutGiveTheirSpaceBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files are not trimmed on " + runtime.GOOS)
	}
	const rounds = 6
	dir := t.TempDir()
	for i := range uint64(rounds) {
		s := open(t, dir, WAL)
		from := i*20 + 1
		must(t, s.Logs.StoreLogs(entries(from, from+39, "entry")))
		must(t, s.Logs.DeleteRange(from+20, from+39))
		must(t, s.Close())
	}
	s := open(t, dir, WAL)
	check(t, s, 1, rounds*20, "entry")
	must(t, s.Close())
	var files int
	var used int64
	paths, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		var st unix.Stat_t
		must(t, unix.Stat(path, &st))
		files++
		used += st.Blocks * 512
	}
	if files != rounds+1 || used > SegmentBytes*3/2 {
		t.Errorf("%d files use %d bytes, want %d files of which one has all its space", files, used, rounds+1)
	}
}
