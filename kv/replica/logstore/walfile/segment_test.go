package walfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// file is a segment file with what the log's index says of it.
type file struct {
	info types.SegmentInfo
	b    []byte
}

func (f file) segment() Segment {
	return Segment{ID: f.info.ID, Base: f.info.BaseIndex, Codec: f.info.Codec, Max: f.info.MaxIndex, IndexStart: f.info.IndexStart}
}

func (f file) tail(b []byte) (End, error) {
	return Tail(bytes.NewReader(b), int64(len(b)), f.segment())
}

func (f file) check(b []byte) error {
	if f.info.SealTime.IsZero() {
		_, err := f.tail(b)
		return err
	}
	return Sealed(bytes.NewReader(b), int64(len(b)), f.segment())
}

// build has raft-wal write a log and returns its segments, the tail last.
func build(t testing.TB, segmentSize int, write func(*wal.WAL)) []file {
	t.Helper()
	dir := t.TempDir()
	meta := &metadb.BoltMetaDB{}
	w, err := wal.Open(dir, wal.WithSegmentSize(segmentSize), wal.WithMetaStore(meta))
	if err != nil {
		t.Fatal(err)
	}
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := meta.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Close(); err != nil {
		t.Fatal(err)
	}
	var files []file
	for _, info := range state.Segments {
		b, err := os.ReadFile(filepath.Join(dir, segment.FileName(info)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{info, b})
	}
	return files
}

// appendBatches appends n batches of up to three entries of random bytes.
func appendBatches(t testing.TB, w *wal.WAL, r *rand.Rand, n, size int) {
	t.Helper()
	for range n {
		last, err := w.LastIndex()
		if err != nil {
			t.Fatal(err)
		}
		var logs []*raft.Log
		for range 1 + r.IntN(3) {
			last++
			data := make([]byte, r.IntN(size))
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			logs = append(logs, &raft.Log{Index: last, Term: 1, Data: data, AppendedAt: time.Unix(1, 0)})
		}
		if err := w.StoreLogs(logs); err != nil {
			t.Fatal(err)
		}
	}
}

func mixed(t testing.TB) []file {
	r := rand.New(rand.NewPCG(1, 2))
	return build(t, 16<<10, func(w *wal.WAL) {
		appendBatches(t, w, r, 40, 900)
		if err := w.DeleteRange(1, 20); err != nil { // a head that was cut off
			t.Fatal(err)
		}
		last, _ := w.LastIndex()
		if err := w.DeleteRange(last-4, last); err != nil { // entries of a deposed leader
			t.Fatal(err)
		}
		appendBatches(t, w, r, 12, 900)
	})
}

func TestIntact(t *testing.T) {
	files := mixed(t)
	if len(files) < 4 {
		t.Fatalf("%d segments", len(files))
	}
	for i, f := range files {
		if err := f.check(f.b); err != nil {
			t.Errorf("segment %d: %v", i, err)
		}
	}
	tail := files[len(files)-1]
	end, err := tail.tail(tail.b)
	if err != nil || end.Last <= tail.info.BaseIndex || end.At == 0 || end.Rest || !zeros(tail.b[end.At:]) {
		t.Errorf("tail: %+v, %v", end, err)
	}
	fresh := build(t, 16<<10, func(*wal.WAL) {})[0]
	if end, err := fresh.tail(fresh.b); end != (End{}) || err != nil {
		t.Errorf("a log without entries: %+v, %v", end, err)
	}
	if end, err := fresh.tail(nil); end != (End{}) || err != nil {
		t.Errorf("an empty file: %+v, %v", end, err)
	}
}

// TestFlips flips a bit of each byte that was ever written, in full segments, in one that
// was cut off and in the tail: all are found. Flips behind are none of the log's.
func TestFlips(t *testing.T) {
	for i, f := range mixed(t) {
		used := bytes.TrimRight(f.b, "\x00")
		end := (len(used) + 7) &^ 7
		bad := slices.Clone(f.b)
		for at := range end {
			// Padding behind the last byte that is not zero is part of a frame too.
			bit := (at / 3) % 8 // every bit of a head in some frame
			bad[at] ^= 1 << bit
			if err := f.check(bad); !errors.Is(err, ErrDamaged) {
				t.Fatalf("segment %d: flip of bit %d of byte %d of %d: %v", i, bit, at, end, err)
			}
			bad[at] ^= 1 << bit
		}
		if !f.info.SealTime.IsZero() {
			continue
		}
		want, _ := f.tail(f.b)
		want.Rest = true
		for at := end; at < min(end+2000, len(bad)); at++ {
			bad[at] ^= 1 << (at % 8)
			if got, err := f.tail(bad); got != want || err != nil {
				t.Fatalf("flip behind the end, byte %d: %+v, want %+v, %v", at, got, want, err)
			}
			bad[at] ^= 1 << (at % 8)
		}
	}
}

// TestCutWrites takes away any sectors of the last write, as a power cut does: it is
// told from damage, and what was written before is all there.
func TestCutWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for round := range 100 {
		var before int
		f := build(t, 1<<20, func(w *wal.WAL) {
			appendBatches(t, w, r, r.IntN(4), 300)
			last, _ := w.LastIndex()
			before = int(last)
			appendBatches(t, w, r, 1, 2+r.IntN(9000))
		})[0]
		end := len(bytes.TrimRight(f.b, "\x00"))
		// Where the last write begins: behind the commit before it.
		in, err := load(bytes.NewReader(f.b), int64(len(f.b)))
		if err != nil {
			t.Fatal(err)
		}
		for len(in.offsets) < before {
			b, ok := in.batch()
			if !ok {
				t.Fatal("no batch")
			}
			in.take(b)
		}
		from := int(in.at)
		cut := slices.Clone(f.b)
		lost := 0
		for at := from; at < end; {
			next := min((at/sector+1)*sector, end)
			if r.IntN(2) == 0 && !zeros(cut[at:next]) {
				clear(cut[at:next])
				lost++
			}
			at = next
		}
		got, err := f.tail(cut)
		if lost == 0 {
			if err != nil || got.Last <= uint64(before) {
				t.Fatalf("round %d: whole: %+v, %v", round, got, err)
			}
			continue
		}
		if err != nil || got.Last != uint64(before) || got.At != int64(from) || got.Rest == zeros(cut[from:]) {
			t.Fatalf("round %d: cut write taken for damage: %+v, want %d and %d, %v", round, got, before, from, err)
		}
	}
}

// TestDamageOfManyBits is found where the write was complete.
func TestDamageOfManyBits(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for i, f := range mixed(t) {
		end := len(bytes.TrimRight(f.b, "\x00"))
		for range 200 {
			bad := slices.Clone(f.b)
			from := r.IntN(end)
			for j := from; j < min(end, from+1+r.IntN(40)); j++ {
				bad[j] = byte(1 + r.IntN(255))
			}
			if bytes.Equal(bad, f.b) {
				continue
			}
			if err := f.check(bad); !errors.Is(err, ErrDamaged) {
				// Only the very last frames of a tail cannot be told from a cut write.
				if f.info.IndexStart == 0 && end-from < 48 {
					continue
				}
				t.Fatalf("segment %d: damage from byte %d of %d on: %v", i, from, end, err)
			}
		}
	}
}

// TestIndexThatLies: what the log's index says must fit the file.
func TestIndexThatLies(t *testing.T) {
	files := mixed(t)
	full := files[0]
	for name, change := range map[string]func(*Segment){
		"another id":            func(s *Segment) { s.ID++ },
		"another first entry":   func(s *Segment) { s.Base++ },
		"another codec":         func(s *Segment) { s.Codec++ },
		"more entries":          func(s *Segment) { s.Max += 100 },
		"list elsewhere":        func(s *Segment) { s.IndexStart += 8 },
		"filled, it says not":   func(s *Segment) { s.IndexStart, s.Max = 0, s.Max+100 },
		"not filled, it is not": func(s *Segment) { s.IndexStart, s.Base = 0, s.Base+1 },
	} {
		s := full.segment()
		change(&s)
		if err := Sealed(bytes.NewReader(full.b), int64(len(full.b)), s); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := 0; n < len(full.b); n += 61 {
		if err := full.check(full.b[:n]); n < len(bytes.TrimRight(full.b, "\x00")) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if err := Sealed(brokenDisk{}, 1000, full.segment()); !errors.Is(err, io.ErrNoProgress) || errors.Is(err, ErrDamaged) {
		t.Errorf("a disk that fails: %v", err)
	}
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, io.ErrNoProgress }

func FuzzSegment(f *testing.F) {
	for _, s := range mixed(f) {
		f.Add(bytes.TrimRight(s.b, "\x00"), s.info.SealTime.IsZero(), s.info.BaseIndex, s.info.MaxIndex, s.info.IndexStart)
	}
	f.Fuzz(func(t *testing.T, b []byte, tail bool, base, last, index uint64) {
		s := Segment{ID: 1, Base: base, Codec: 1, Max: last, IndexStart: index}
		var err error
		if tail {
			_, err = Tail(bytes.NewReader(b), int64(len(b)), s)
		} else {
			err = Sealed(bytes.NewReader(b), int64(len(b)), s)
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(fmt.Errorf("unexpected kind of error: %w", err))
		}
	})
}
