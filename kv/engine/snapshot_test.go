package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"testing"
	"time"
)

// batch makes n commands of a generator.
func batch(g generator, n int) []Command {
	cmds := make([]Command, n)
	for i := range cmds {
		words := g.command()
		for j, w := range words {
			// More keys, so that the table splits; hashes stay few and grow large.
			switch {
			case j > 0 && len(w) == 1 && w >= "a" && w <= "f":
				words[j] = w + strconv.Itoa(g.Intn(300))
			case j > 0 && len(w) == 2 && w >= "f1" && w <= "f4":
				words[j] = w + strconv.Itoa(g.Intn(300))
			}
		}
		if words[0] == "FLUSHALL" && g.Intn(20) > 0 {
			words = []string{"ONCE", g.key(), "500", "INCR", g.key()}
		}
		if g.Intn(10) == 0 {
			words = []string{"ONCEINCR", g.key(), "5000", g.key() + g.val(), g.val()}
		}
		cmds[i] = Command{DB: uint8(g.Intn(3)), Proto: 2, Args: args(words...)}
	}
	return cmds
}

// TestReplicasAgree feeds two engines the same entries, restarting one of them
// from snapshots of the other: replies and states stay equal.
func TestReplicasAgree(t *testing.T) {
	g := generator{rand.New(rand.NewSource(7))}
	a, b := New(Options{}), New(Options{})
	now := int64(1_000_000)
	for step := range 400 {
		now += int64(g.Intn(300))
		stamp := Stamp{UnixMilli: now, Seed: g.Uint64()}
		cmds := batch(g, 1+g.Intn(40))
		var ra, rb Replies
		a.Apply(stamp, cmds, &ra)
		b.Apply(stamp, cmds, &rb)
		if !bytes.Equal(ra.Buf, rb.Buf) {
			t.Fatalf("step %d: replies differ", step)
		}
		if step%20 != 0 {
			continue
		}
		if a.Digest() != b.Digest() {
			t.Fatalf("step %d: states differ", step)
		}
		snap := a.Snapshot()
		var buf bytes.Buffer
		if n, err := snap.WriteTo(&buf); err != nil || n != int64(buf.Len()) {
			t.Fatalf("WriteTo: %d of %d bytes, %v", n, buf.Len(), err)
		}
		snap.Close()
		b = New(Options{})
		if err := b.Restore(&buf); err != nil {
			t.Fatal(err)
		}
		if a.Digest() != b.Digest() {
			t.Fatalf("step %d: restored state differs", step)
		}
		if sa, sb := a.Stats(), b.Stats(); sa != sb {
			t.Fatalf("step %d: stats differ: %+v, %+v", step, sa, sb)
		}
	}
}

// TestSnapshotWhileApplying writes snapshots while entries and reads go on: each
// must hold exactly the state at the moment it was taken.
func TestSnapshotWhileApplying(t *testing.T) {
	g := generator{rand.New(rand.NewSource(11))}
	e := New(Options{})
	now := int64(1_000_000)
	step := func() {
		now += int64(g.Intn(50))
		var out Replies
		e.Apply(Stamp{UnixMilli: now, Seed: g.Uint64()}, batch(g, 20), &out)
	}
	for i := range 5000 {
		apply(e, now, 2, uint8(i%3), "SET", "x"+strconv.Itoa(i), strconv.Itoa(i))
	}
	for range 30 {
		want := e.Digest()
		snap := e.Snapshot()
		var buf bytes.Buffer
		done := make(chan error, 1)
		go func() {
			_, err := snap.WriteTo(&slowWriter{&buf})
			done <- err
		}()
		for running := true; running; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				running = false
			default:
				step()
			}
		}
		snap.Close()
		copied := New(Options{})
		if err := copied.Restore(&buf); err != nil {
			t.Fatal(err)
		}
		if copied.Digest() != want {
			t.Fatal("the snapshot is not the state at the moment it was taken")
		}
	}
}

// slowWriter yields, so that entries come between the blocks.
type slowWriter struct{ *bytes.Buffer }

func (w *slowWriter) Write(p []byte) (int, error) {
	<-time.After(100 * time.Microsecond)
	return w.Buffer.Write(p)
}

// TestSnapshotStep interleaves the writing of a snapshot and changes by hand, with
// changes made inside the writer: flush, swap, rename and expiry at every place.
func TestSnapshotStep(t *testing.T) {
	for seed := range int64(20) {
		g := generator{rand.New(rand.NewSource(seed))}
		e := New(Options{})
		for i := range 20000 {
			apply(e, 1000, 2, uint8(i%2), "SET", "k"+strconv.Itoa(i), "text"+strconv.Itoa(i), "PX", strconv.Itoa(1+i))
		}
		want := e.Digest()
		snap := e.Snapshot()
		w := &hookWriter{hook: func() {
			var out Replies
			e.Apply(Stamp{UnixMilli: e.Now() + 20, Seed: g.Uint64()}, batch(g, 3), &out)
			for range 20 {
				key := "k" + strconv.Itoa(g.Intn(20000))
				apply(e, e.Now(), 2, uint8(g.Intn(2)), "APPEND", key, "more")
				apply(e, e.Now(), 2, uint8(g.Intn(2)), "RENAME", key, "r"+key)
				apply(e, e.Now(), 2, uint8(g.Intn(2)), "SETRANGE", "r"+key, "0", "XX")
			}
		}}
		if _, err := snap.WriteTo(w); err != nil {
			t.Fatal(err)
		}
		snap.Close()
		copied := New(Options{})
		if err := copied.Restore(&w.Buffer); err != nil {
			t.Fatal(err)
		}
		if copied.Digest() != want {
			t.Fatalf("seed %d: the snapshot is not the state at the moment it was taken", seed)
		}
	}
}

type hookWriter struct {
	bytes.Buffer
	hook func()
}

func (w *hookWriter) Write(p []byte) (int, error) {
	w.hook()
	return w.Buffer.Write(p)
}

func TestSnapshotClosed(t *testing.T) {
	e := New(Options{})
	apply(e, 1, 2, 0, "SET", "a", "1")
	first, second := e.Snapshot(), e.Snapshot()
	var buf bytes.Buffer
	if _, err := first.WriteTo(&buf); !errors.Is(err, ErrSnapshotClosed) {
		t.Errorf("an overtaken snapshot: got %v", err)
	}
	first.Close()
	if _, err := second.WriteTo(&buf); err != nil {
		t.Error(err)
	}
	second.Close()
	second.Close()
}

// TestRestoreRefuses damages every byte of a snapshot: Restore must refuse it and
// leave the state alone.
func TestRestoreRefuses(t *testing.T) {
	e := New(Options{})
	apply(e, 1, 2, 0, "MSET", "a", "1", "b", "text")
	apply(e, 1, 2, 3, "ONCE", "t", "1000", "INCR", "n")
	apply(e, 1, 2, 3, "HSET", "h", "f", "v", "g", "w")
	var buf bytes.Buffer
	snap := e.Snapshot()
	if _, err := snap.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	snap.Close()
	before := e.Digest()
	for i := range buf.Len() {
		for _, data := range [][]byte{buf.Bytes()[:i], flip(buf.Bytes(), i)} {
			err := e.Restore(bytes.NewReader(data))
			if !errors.Is(err, ErrSnapshotCorrupt) && !errors.Is(err, ErrSnapshotFormat) {
				t.Fatalf("byte %d: got %v", i, err)
			}
		}
	}
	if e.Digest() != before {
		t.Error("a refused snapshot changed the state")
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x10
	return b
}

func FuzzRestore(f *testing.F) {
	e := New(Options{})
	apply(e, 1, 2, 0, "MSET", "a", "1", "b", "text")
	apply(e, 1, 2, 3, "ONCE", "t", "1000", "INCR", "n")
	apply(e, 1, 2, 3, "HSET", "h", "f", "v", "g", "w")
	var buf bytes.Buffer
	snap := e.Snapshot()
	_, _ = snap.WriteTo(&buf)
	snap.Close()
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		restored := New(Options{})
		if restored.Restore(bytes.NewReader(data)) == nil {
			restored.Digest()
			apply(restored, 1<<40, 2, 0, "KEYS", "*")
		}
	})
}

// FuzzApply runs arbitrary words as commands.
func FuzzApply(f *testing.F) {
	g := generator{rand.New(rand.NewSource(3))}
	for range 200 {
		var line []byte
		for _, w := range g.command() {
			line = append(append(line, w...), 0)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e := New(Options{})
		words := bytes.Split(line, []byte{0})
		if len(words) > 3 && bytes.EqualFold(words[0], []byte("SETRANGE")) && len(words[2]) > 6 {
			return // half a gigabyte each
		}
		var out Replies
		cmd := Command{Proto: 3, Args: words}
		e.Apply(Stamp{UnixMilli: 1000}, []Command{cmd, cmd, {Txn: &Txn{Cmds: []Command{cmd}}}}, &out)
		e.Read(2000, []Command{cmd}, &out)
		if out.Len() != 4 {
			t.Fatalf("%d replies", out.Len())
		}
	})
}

func BenchmarkApplyIncr(b *testing.B) {
	e := New(Options{})
	var out Replies
	cmds := make([]Command, 64)
	for i := range cmds {
		cmds[i] = Command{Proto: 2, Args: args("INCR", "key:"+strconv.Itoa(i))}
	}
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		e.Apply(Stamp{UnixMilli: 1}, cmds, &out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/incr")
}

func filled(n int) *Engine {
	e := New(Options{})
	var out Replies
	for i := 0; i < n; i += 100 {
		cmds := make([]Command, 100)
		for j := range cmds {
			cmds[j] = Command{Proto: 2, Args: args("SET", fmt.Sprintf("key:%d", i+j), strconv.Itoa(j))}
		}
		out.Reset()
		e.Apply(Stamp{UnixMilli: 1}, cmds, &out)
	}
	return e
}

func BenchmarkReadGet(b *testing.B) {
	e := filled(100_000)
	cmds := []Command{{Proto: 2, Args: args("GET", "key:4711")}}
	var out Replies
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		e.Read(1, cmds, &out)
	}
}

func BenchmarkLookup(b *testing.B) {
	name := []byte("incrby")
	b.ReportAllocs()
	for b.Loop() {
		Lookup(name)
	}
}

// BenchmarkSnapshot writes a million keys while INCRs go on; it reports the hold
// of Snapshot, the writing, the restoring and the worst Apply of 64 meanwhile.
func BenchmarkSnapshot(b *testing.B) {
	e := filled(1_000_000)
	cmds := make([]Command, 64)
	var out Replies
	for b.Loop() {
		start := time.Now()
		snap := e.Snapshot()
		hold := time.Since(start)
		var buf bytes.Buffer
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			defer close(stop)
			_, _ = snap.WriteTo(&buf)
		})
		var worst time.Duration
		batches := 0
		for r := rand.New(rand.NewSource(1)); ; batches++ {
			select {
			case <-stop:
			default:
				for i := range cmds {
					cmds[i] = Command{Proto: 2, Args: args("INCR", "key:"+strconv.Itoa(r.Intn(1_000_000)))}
				}
				at := time.Now()
				out.Reset()
				e.Apply(Stamp{UnixMilli: 1}, cmds, &out)
				worst = max(worst, time.Since(at))
				continue
			}
			break
		}
		wg.Wait()
		persist := time.Since(start)
		snap.Close()
		at := time.Now()
		if err := New(Options{}).Restore(bytes.NewReader(buf.Bytes())); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(hold.Nanoseconds())/1e3, "hold-us")
		b.ReportMetric(float64(persist.Microseconds())/1e3, "persist-ms")
		b.ReportMetric(float64(worst.Microseconds())/1e3, "worst-batch-ms")
		b.ReportMetric(float64(batches*64)/persist.Seconds()/1e6, "Mincr/s")
		b.ReportMetric(float64(time.Since(at).Microseconds())/1e3, "restore-ms")
		b.ReportMetric(float64(buf.Len())/1e6, "MB")
	}
}
