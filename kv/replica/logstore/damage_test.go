package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// snapshot takes one of that index that holds text.
func snapshot(t testing.TB, s *Store, index uint64, text string) {
	t.Helper()
	_, trans := raft.NewInmemTransport("a:1")
	defer trans.Close()
	servers := []raft.Server{{ID: "n1", Address: "a:1"}, {ID: "n2", Address: "b:1"}}
	sink, err := s.Snapshots.Create(1, index, 1, raft.Configuration{Servers: servers}, 1, trans)
	if err == nil {
		_, err = io.WriteString(sink, text)
	}
	if err == nil {
		err = sink.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// populate fills a directory with all that a node keeps: facts, term and vote, a log
// whose head and end were cut off, two snapshots.
func populate(t testing.TB, dir, kind string) {
	t.Helper()
	s, err := Open(dir, kind, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.SetFact("cluster", map[string]string{"id": "c"}))
	_, err = s.Instance()
	check(err)
	check(s.Stable().SetUint64([]byte("CurrentTerm"), 7))
	check(s.Stable().SetUint64([]byte("LastVoteTerm"), 7))
	check(s.Stable().Set([]byte("LastVoteCand"), []byte("10.0.0.1:16379")))
	check(s.Logs.StoreLogs(entries(1, 60, "first")))
	snapshot(t, s, 40, strings.Repeat("old state ", 100))
	check(s.Logs.DeleteRange(51, 60))
	check(s.Logs.StoreLogs(entries(51, 90, "second")))
	snapshot(t, s, 80, strings.Repeat("new state ", 100))
	check(s.Logs.DeleteRange(1, 30))
	check(s.Logs.StoreLogs(entries(91, 95, "third")))
	check(s.Close())
}

// holds describes everything in a directory by opening it.
func holds(dir, kind string) (text string, err error) {
	s, err := Open(dir, kind, hclog.NewNullLogger())
	if err != nil {
		return "", err
	}
	defer s.Close()
	var b strings.Builder
	var fact any
	for _, name := range []string{"cluster", "instance", "log-store"} {
		if _, err := s.Fact(name, &fact); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, name, fact)
	}
	term, err1 := s.Stable().GetUint64([]byte("CurrentTerm"))
	voted, err2 := s.Stable().GetUint64([]byte("LastVoteTerm"))
	vote, err3 := s.Stable().Get([]byte("LastVoteCand"))
	first, err4 := s.Logs.FirstIndex()
	last, err5 := s.Logs.LastIndex()
	list, err6 := s.Snapshots.List()
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return "", err
	}
	fmt.Fprintln(&b, term, voted, string(vote), first, last)
	for i := first; i <= last && i > 0; i++ {
		var e raft.Log
		if err := s.Logs.GetLog(i, &e); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, e.Index, e.Term, e.Type, string(e.Data))
	}
	if len(list) > 0 {
		meta, rc, err := s.Snapshots.Open(list[0].ID)
		if err != nil {
			return "", err
		}
		defer rc.Close()
		state, err := io.ReadAll(rc)
		if err != nil || int64(len(state)) != meta.Size {
			return "", fmt.Errorf("snapshot of %d bytes, said %d: %w", len(state), meta.Size, err)
		}
		fmt.Fprintln(&b, meta.Index, meta.Term, meta.Configuration, string(state[:9]))
	}
	return b.String(), nil
}

// older is want with the snapshot before the newest, which serves as well: the log
// has what lies between.
func older(want string) string {
	return strings.Replace(strings.Replace(want, "\n80 1 {", "\n40 1 {", 1), "} new state", "} old state", 1)
}

// clone copies a directory without the zeros of files that are laid out in full.
func clone(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		if err != nil || e.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(filepath.Join(to, rel), data(t, path), 0o600), os.Truncate(filepath.Join(to, rel), info.Size()))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// data returns the part of a file that was ever written.
func data(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end, err := dataEnd(f)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, end)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, "\x00")
}

// files lists every file below dir but the lock.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "lock" {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// flip flips one bit of a file in place.
func flip(t testing.TB, path string, at int, bit byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	b[0] ^= bit
	if _, err := f.WriteAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
}

// TestFlippedBits flips bits at many places of every file: the directory is refused
// with ErrDamaged, or holds exactly what it held.
func TestFlippedBits(t *testing.T) {
	for _, kind := range []string{WAL, Bolt} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			populate(t, dir, kind)
			want, err := holds(clone(t, dir), kind)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(11, 12))
			logger := hclog.NewNullLogger()
			for _, path := range files(t, dir) {
				used := len(data(t, path))
				found, harmless := 0, 0
				for range 300 {
					at, bit := r.IntN(used), byte(1)<<r.IntN(8)
					if r.IntN(2) == 0 { // the heads of pages
						at = min(at/4096*4096+r.IntN(160), used-1)
					}
					flip(t, path, at, bit)
					_, err := inspect(dir, logger, false)
					switch {
					case errors.Is(err, ErrDamaged):
						found++
						if !strings.Contains(err.Error(), "hint: replace this node") || !strings.Contains(err.Error(), dir) {
							t.Fatalf("message without help: %v", err)
						}
					case err != nil:
						t.Fatalf("%s, byte %d: unexpected kind of error: %v", path, at, err)
					case harmless < 20: // opening takes its time
						harmless++
						got, err := holds(clone(t, dir), kind)
						if errors.Is(err, ErrDamaged) {
							found++
						} else if same := got == want || got == older(want); !same || err != nil {
							t.Fatalf("%s, bit %#x of byte %d: taken for intact, and holds\n%s\n(%v) not\n%s", path, bit, at, got, err, want)
						}
					}
					flip(t, path, at, bit)
				}
				rel, _ := filepath.Rel(dir, path)
				t.Logf("%s: %d of 300 found", rel, found)
				if found == 0 && !strings.HasPrefix(rel, snapshotsDir) {
					t.Errorf("%s: nothing was found", rel)
				}
			}
		})
	}
}

// TestMissingFiles: a file that is gone is no reason to begin anew.
func TestMissingFiles(t *testing.T) {
	for _, kind := range []string{WAL, Bolt} {
		dir := t.TempDir()
		populate(t, dir, kind)
		for _, path := range files(t, dir) {
			damaged := clone(t, dir)
			rel, _ := filepath.Rel(dir, path)
			if err := os.Remove(filepath.Join(damaged, rel)); err != nil {
				t.Fatal(err)
			}
			_, err := holds(damaged, kind)
			// Either snapshot can be done without, as the log begins before the older
			// one. The last segment may never have been made: it is synced, with its
			// directory, before anything in it is acknowledged.
			if spare := strings.HasPrefix(rel, snapshotsDir) || strings.HasPrefix(filepath.Base(rel), "00000000000000000051"); spare && err == nil {
				continue
			}
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: without %s: %v", kind, rel, err)
			}
		}
		for _, name := range []string{walDir, snapshotsDir} {
			damaged := clone(t, dir)
			if err := os.RemoveAll(filepath.Join(damaged, name)); err != nil {
				t.Fatal(err)
			}
			if _, err := holds(damaged, kind); !errors.Is(err, ErrDamaged) && (kind == WAL || name == snapshotsDir) {
				t.Errorf("%s: without %s: %v", kind, name, err)
			}
		}
	}
}

// TestDamagedSnapshot: one that the older one and the log make up for is put aside;
// one that they do not is no reason to forget what it held.
func TestDamagedSnapshot(t *testing.T) {
	dir := t.TempDir()
	populate(t, dir, WAL)
	newest, _ := filepath.Glob(filepath.Join(dir, "snapshots/1-80-*"))
	oldest, _ := filepath.Glob(filepath.Join(dir, "snapshots/1-40-*"))
	flip(t, filepath.Join(newest[0], "state.bin"), 300, 4)
	s := open(t, dir, WAL)
	list, err := s.Snapshots.List()
	if err != nil || len(list) != 1 || list[0].Index != 40 {
		t.Fatalf("snapshots %v, %v", list, err)
	}
	must(t, s.Close())
	if _, err := os.Stat(newest[0] + asideSuffix); err != nil {
		t.Error(err)
	}

	flip(t, filepath.Join(oldest[0], "state.bin"), 300, 4)
	if _, err := Open(dir, WAL, hclog.NewNullLogger()); !errors.Is(err, ErrDamaged) {
		t.Errorf("without any snapshot: %v", err)
	}
	flip(t, filepath.Join(oldest[0], "state.bin"), 300, 4)

	// The log ends before the damaged snapshot: what lies between is nowhere.
	s = open(t, dir, WAL)
	snapshot(t, s, 200, "later")
	must(t, s.Close())
	later, _ := filepath.Glob(filepath.Join(dir, "snapshots/1-200-*"))
	flip(t, filepath.Join(later[0], "meta.json"), 10, 1)
	if _, err := Open(dir, WAL, hclog.NewNullLogger()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "what is left does not hold everything") {
		t.Errorf("a snapshot beyond the log: %v", err)
	}
}

// TestUpgrade: what a version before wrote without checksums is taken, and has them
// from then on.
func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Bolt)
	must(t, s.bolt.SetUint64([]byte("CurrentTerm"), 5))
	must(t, s.bolt.Set([]byte("pingd/instance"), []byte(`"abc"`)))
	must(t, s.Logs.LogStore.StoreLogs(entries(1, 3, "old")))
	must(t, s.Close())
	s = open(t, dir, Bolt)
	if term, err := s.Stable().GetUint64([]byte("CurrentTerm")); term != 5 || err != nil {
		t.Errorf("term %d, %v", term, err)
	}
	if id, err := s.Instance(); id != "abc" || err != nil {
		t.Errorf("instance %q, %v", id, err)
	}
	check(t, s, 1, 3, "old")
	must(t, s.Close())
	found, err := inspect(dir, hclog.NewNullLogger(), true)
	if err != nil || len(found.old) > 0 {
		t.Errorf("without a checksum: %q, %v", found.old, err)
	}
	if found.kind != Bolt || found.first != 1 || found.last != 3 {
		t.Errorf("found %+v", found)
	}
}

// TestCrashRest clears what a crash left behind the log's end.
func TestCrashRest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, WAL)
	must(t, s.Logs.StoreLogs(entries(1, 3, "x")))
	must(t, s.Close())
	segments, _ := filepath.Glob(filepath.Join(dir, "wal/*.wal"))
	b, err := os.ReadFile(segments[0])
	must(t, err)
	end := (len(bytes.TrimRight(b, "\x00")) + 7) &^ 7
	f, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{1, 0, 0, 0, 9, 0, 0, 0}, 300), int64(end+600)) // a write whose first sector is missing
	must(t, err)
	must(t, f.Close())
	s = open(t, dir, WAL)
	check(t, s, 1, 3, "x")
	must(t, s.Logs.StoreLogs(entries(4, 4, "x")))
	must(t, s.Close())
	b, err = os.ReadFile(segments[0])
	must(t, err)
	if rest := len(bytes.TrimRight(b, "\x00")); rest > end+200 {
		t.Errorf("something is left up to byte %d", rest)
	}
}

// TestEntriesAreCheckedWhenRead: damage that comes while the store is open is handed
// to nobody, and told.
func TestEntriesAreCheckedWhenRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, WAL)
	defer s.Close()
	must(t, s.Logs.StoreLogs(entries(1, 9, "some longer text that is found again")))
	s.Logs.Started()
	segments, _ := filepath.Glob(filepath.Join(dir, "wal/*.wal"))
	b, err := os.ReadFile(segments[0])
	must(t, err)
	flip(t, segments[0], bytes.Index(b, []byte("again 5")), 1)
	done := make(chan bool)
	go func() {
		ok := false
		defer func() { done <- ok }()
		var e raft.Log
		_ = s.Logs.GetLog(5, &e)
		ok = true
	}()
	if <-done {
		t.Error("a damaged entry was read")
	}
	if err := <-s.Failed(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "entry 5") {
		t.Errorf("told: %v", err)
	}
	var e raft.Log
	must(t, s.Logs.GetLog(4, &e))
	// It is as bad when it comes from another node.
	e.Index = 10
	if err := s.Logs.StoreLog(&e); err == nil || !strings.Contains(err.Error(), "checksum of the entry") {
		t.Errorf("an entry damaged on its way: %v", err)
	}
}

func TestSealedValues(t *testing.T) {
	for _, v := range [][]byte{nil, {}, []byte("v"), bytes.Repeat([]byte{1}, 40)} {
		sealed := sealValue([]byte("key"), v)
		got, old, err := openValue([]byte("key"), sealed)
		if !bytes.Equal(got, v) || old || err != nil {
			t.Errorf("%q: got %q, %v, %v", v, got, old, err)
		}
		if _, _, err := openValue([]byte("kex"), sealed); err == nil {
			t.Error("the value of another key was taken")
		}
		for i := range sealed {
			bad := slices.Clone(sealed)
			bad[i] ^= 16
			if got, old, err := openValue([]byte("key"), bad); err == nil && (!old || i > 0) {
				t.Errorf("byte %d damaged: got %q", i, got)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for _, kind := range []string{WAL, Bolt} {
		dir := t.TempDir()
		populate(t, dir, kind)
		before := fmt.Sprint(files(t, dir))
		r, err := Check(dir)
		if err != nil || r.Kind != kind || r.Cluster != "c" || r.Term != 7 || r.First != 31 || r.Last != 95 || len(r.Snapshots) != 2 || r.Rest {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
		if after := fmt.Sprint(files(t, dir)); after != before {
			t.Errorf("files before %s, after %s", before, after)
		}
		// All snapshots are read, not only the newest.
		oldest, _ := filepath.Glob(filepath.Join(dir, "snapshots/1-40-*"))
		flip(t, filepath.Join(oldest[0], stateFile), 300, 4)
		if _, err := Check(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "the node can be started") {
			t.Errorf("%s: a damaged snapshot: %v", kind, err)
		}
		s := open(t, dir, kind)
		if _, err := Check(dir); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: in use: %v", kind, err)
		}
		must(t, s.Close())
	}
	if _, err := Check(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no node has stored anything") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Check(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// TestCheckReadsEntries: an entry of bbolt's that decodes to another than was written.
func TestCheckReadsEntries(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Bolt)
	must(t, s.Logs.StoreLogs(entries(1, 3, "some text")))
	must(t, s.Close())
	path := filepath.Join(dir, boltLog)
	b, err := os.ReadFile(path)
	must(t, err)
	for at := 0; ; at++ { // the entry may lie in pages that are free now, too
		i := bytes.Index(b[at:], []byte("some text 2"))
		if i < 0 {
			break
		}
		at += i
		flip(t, path, at, 1)
	}
	if _, err := Check(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("check: %v", err)
	}
	if _, err := Open(dir, Bolt, hclog.NewNullLogger()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("open: %v", err)
	}
}
