package slot

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func claim(t *testing.T, dir string) *Slot {
	t.Helper()
	s, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.lock.Close() })
	return s
}

func release(t *testing.T, all ...*Slot) {
	t.Helper()
	for _, s := range all {
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

// put writes a file that is recognised later, and tells whether it was there.
func put(t *testing.T, s *Slot) (was bool) {
	t.Helper()
	path := filepath.Join(s.Dir, "log")
	text, err := os.ReadFile(path)
	if err == nil && string(text) != s.Name {
		t.Errorf("%s holds the file of %s", s.Name, text)
	}
	was = err == nil
	if err := os.WriteFile(path, []byte(s.Name), 0o600); err != nil {
		t.Fatal(err)
	}
	return was
}

func TestSlotsAreFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data") // absent at first
	a, b, c := claim(t, dir), claim(t, dir), claim(t, dir)
	for i, s := range []*Slot{a, b, c} {
		if want := []string{"store-1", "store-2", "store-3"}[i]; s.Name != want || filepath.Base(s.Dir) != want {
			t.Errorf("slot %d: %+v", i, s)
		}
		if s.Founder != (i == 0) {
			t.Errorf("%s: founder %v", s.Name, s.Founder)
		}
		put(t, s)
	}
	// One goes and another comes, in the middle.
	release(t, b)
	if b = claim(t, dir); b.Name != "store-2" || b.Founder || !put(t, b) {
		t.Errorf("the one that came back: %+v", b)
	}
	// Fewer, then as many again; the first of them starts the cluster as ever.
	release(t, a, c)
	if a = claim(t, dir); a.Name != "store-1" || !a.Founder || !put(t, a) {
		t.Errorf("the first: %+v", a)
	}
	if c = claim(t, dir); c.Name != "store-3" || !put(t, c) {
		t.Errorf("the last: %+v", c)
	}
}

// A founder whose directory was lost must join the others: a second cluster
// beside theirs would be the end of their data.
func TestLostFounderFoundsNothing(t *testing.T) {
	dir := t.TempDir()
	a, b := claim(t, dir), claim(t, dir)
	release(t, a, b)
	if err := os.RemoveAll(a.Dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a = claim(t, dir); a.Name != "store-1" || a.Founder {
			t.Errorf("%+v", a)
		}
		release(t, a)
	}
}

func TestRemovedNodeBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	a := claim(t, dir)
	for range 2 { // what was set aside before is in nobody's way
		b := claim(t, dir)
		put(t, b)
		if err := b.SetAside(); err != nil {
			t.Fatal(err)
		}
		release(t, b)
		again := claim(t, dir)
		if again.Name != "store-2" || again.Founder || put(t, again) {
			t.Errorf("%+v", again)
		}
		if _, err := os.Stat(filepath.Join(dir, "store-2.removed", "log")); err != nil {
			t.Error(err)
		}
		release(t, again)
	}
	release(t, a)
}

// However many come at the same moment, each has a slot of its own and one is the
// founder.
func TestAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	const n = 20
	slots := make([]*Slot, n)
	var wg sync.WaitGroup
	for i := range slots {
		wg.Go(func() {
			var err error
			if slots[i], err = Claim(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	names, founders := map[string]bool{}, 0
	for _, s := range slots {
		if s == nil {
			continue
		}
		names[s.Name] = true
		if s.Founder {
			founders++
		}
		release(t, s)
	}
	if len(names) != n || founders != 1 {
		t.Errorf("%d names, %d founders", len(names), founders)
	}
}

func TestFull(t *testing.T) {
	dir := t.TempDir()
	for range Limit {
		claim(t, dir)
	}
	if _, err := Claim(dir); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(file); err == nil {
		t.Error("a file is no directory of slots")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "store-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(dir); err == nil {
		t.Error("a file is no slot")
	}
	// What failed holds no lock.
	if err := os.Remove(filepath.Join(dir, "store-1")); err != nil {
		t.Fatal(err)
	}
	if s := claim(t, dir); s.Name != "store-1" {
		t.Errorf("%+v", s)
	}
}

// Whoever made the first slot was killed before it had marked the founder: without one
// no cluster would ever begin.
func TestAFounderIsMadeUpForOneThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "store-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, b := claim(t, dir), claim(t, dir)
	if a.Name != "store-1" || !a.Founder || b.Founder {
		t.Errorf("first %+v, second %+v", a, b)
	}
}
