package head

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var nan = float32(math.NaN())

func sample() *Block {
	return &Block{
		Start: 1_800_000_000, Seconds: 4, Names: []string{"cpu.user", "cpu.user2", "disk.vda.read", ""},
		Values: [][]float32{{1, 2, nan, 4}, {nan, nan, nan, nan}, {-5, 0, 1e9, 7}, {0, 0, 0, 0}},
	}
}

func same(a, b *Block) bool {
	if a.Start != b.Start || a.Seconds != b.Seconds || !slices.Equal(a.Names, b.Names) || len(a.Values) != len(b.Values) {
		return false
	}
	return slices.EqualFunc(a.Values, b.Values, func(x, y []float32) bool {
		return slices.EqualFunc(x, y, func(p, q float32) bool {
			return p == q || p != p && q != q || math.Abs(float64(p-q)) < 3e-4*math.Abs(float64(p))
		})
	})
}

func TestBlockRoundTrip(t *testing.T) {
	var e encoder
	for _, b := range []*Block{sample(), {Start: -7, Seconds: 1}} {
		got, err := DecodeBlock(e.append(nil, b))
		if err != nil || !same(got, b) {
			t.Errorf("%+v, %v; want %+v", got, err, b)
		}
	}
}

func TestMalformedBlocks(t *testing.T) {
	var e encoder
	good := e.append(nil, sample())
	for i := range good {
		if _, err := DecodeBlock(good[:i]); !errors.Is(err, ErrBlock) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	long := sample()
	long.Names[3] = strings.Repeat("x", maxName+1)
	if _, err := DecodeBlock(e.append(nil, long)); !errors.Is(err, ErrBlock) {
		t.Errorf("a name of %d bytes: %v", maxName+1, err)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	var e encoder
	f.Add(e.append(nil, sample()))
	f.Add([]byte{0, 1, 1, 1, 0, 0, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := DecodeBlock(in)
		if err != nil {
			return
		}
		again, err := DecodeBlock(e.append(nil, b))
		if err != nil || !same(again, b) {
			t.Fatalf("%+v, again %+v, %v", b, again, err)
		}
	})
}

// frames reads an hour's frames as text.
func frames(t *testing.T, l *Log, hour int64) string {
	t.Helper()
	var out []string
	err := l.Read(hour, func(kind byte, payload []byte) error {
		out = append(out, fmt.Sprintf("%d:%s", kind, payload))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLog(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	must(t, l.Sync()) // nothing was appended
	must(t, l.Append(10, 2, []byte("a")))
	must(t, l.Append(3599, 3, nil))
	must(t, l.Append(3600, 2, []byte("b")))
	must(t, l.Sync())
	if got := frames(t, l, 0); got != "2:a 3:" {
		t.Errorf("first hour %q", got)
	}
	if hours, err := l.Hours(); err != nil || !slices.Equal(hours, []int64{0, 3600}) {
		t.Errorf("hours %v, %v", hours, err)
	}
	if !l.Has(5) || !l.Has(3700) || l.Has(7200) {
		t.Error("which hours there are")
	}
	must(t, l.Append(20, 2, []byte("late"))) // a clock that went back
	if got := frames(t, l, 0); got != "2:a 3: 2:late" {
		t.Errorf("first hour %q", got)
	}
	if got := frames(t, l, 99*3600); got != "" {
		t.Errorf("an hour without a file: %q", got)
	}
	must(t, l.Remove(0))
	must(t, l.Remove(0)) // gone already
	must(t, l.Append(30, 2, []byte("new")))
	if got := frames(t, l, 0); got != "2:new" {
		t.Errorf("after its removal %q", got)
	}
	must(t, l.Close())
	must(t, l.Close())
	must(t, l.AppendBlock(sample()))
	must(t, l.Close())
	if err := os.WriteFile(filepath.Join(dir, "head-x.log"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if hours, err := l.Hours(); err != nil || len(hours) != 3 {
		t.Errorf("hours %v, %v", hours, err)
	}
	if err := l.Append(1, 2, make([]byte, maxFrame+1)); err == nil {
		t.Error("a frame without bound")
	}
	stop := errors.New("stop")
	if err := l.Read(0, func(byte, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's error is %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")).Hours(); err == nil {
		t.Error("no error for a directory that is not there")
	}
	if err := Open(filepath.Join(dir, "none")).Append(1, 2, nil); err == nil {
		t.Error("no error for a directory that is not there")
	}
}

// TestTornAtEveryByte cuts a log at each byte: what is whole before the cut is read,
// and the next frame follows it.
func TestTornAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	for _, s := range []string{"one", "two", "three"} {
		must(t, l.Append(1, 2, []byte(s)))
	}
	must(t, l.Close())
	path := filepath.Join(dir, "head-0.log")
	whole, err := os.ReadFile(path)
	must(t, err)
	ends := []int{0, 12, 24, 38}
	if len(whole) != ends[3] {
		t.Fatalf("%d bytes", len(whole))
	}
	want := []string{"", "2:one", "2:one 2:two", "2:one 2:two 2:three"}
	for cut := range len(whole) + 1 {
		must(t, os.WriteFile(path, whole[:cut], 0o640))
		n := 0
		for n < 3 && ends[n+1] <= cut {
			n++
		}
		if got := frames(t, l, 0); got != want[n] {
			t.Fatalf("cut at %d: %q, want %q", cut, got, want[n])
		}
		must(t, l.Append(1, 4, []byte("x")))
		if got := frames(t, l, 0); got != strings.TrimSpace(want[n]+" 4:x") {
			t.Fatalf("cut at %d, then one more: %q", cut, got)
		}
		must(t, l.Close())
	}
}

func FuzzReadLog(f *testing.F) {
	dir := f.TempDir()
	l := Open(dir)
	for _, s := range []string{"one", ""} {
		if err := l.Append(1, 2, []byte(s)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "head-0.log"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte{255, 255, 255, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		size, err := read(bytes.NewReader(b), func(_ byte, payload []byte) error {
			total += frameHead + len(payload) + frameTail
			return nil
		})
		if err != nil || size != int64(total) || total > len(b) {
			t.Fatalf("%d bytes of frames, size %d of %d: %v", total, size, len(b), err)
		}
	})
}
