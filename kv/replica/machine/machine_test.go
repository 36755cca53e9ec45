package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

// rig is a machine and the log that feeds it.
type rig struct {
	*Machine
	t       *testing.T
	index   uint64
	changes int
	failed  error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t}
	r.Machine = New(Config{
		Engine: engine.New(engine.Options{}), Logger: slog.New(slog.DiscardHandler),
		Changed: func() { r.changes++ }, Failed: func(err error) { r.failed = err },
	})
	return r
}

func (r *rig) apply(data []byte) any {
	r.index++
	return r.Apply(&raft.Log{Index: r.index, Term: 2, Data: data})
}

// group applies one group with one command and returns its reply.
func (r *rig) group(o entry.Origin, words ...string) (string, error) {
	r.t.Helper()
	c := engine.Command{Proto: 2}
	for _, w := range words {
		c.Args = append(c.Args, []byte(w))
	}
	b := entry.AppendBatch(nil, engine.Stamp{UnixMilli: int64(r.index + 1), Seed: 1}, 1)
	b = entry.AppendCommand(entry.AppendOrigin(b, o, 1), &c)
	out, _ := r.apply(b).([]Outcome)
	if len(out) != 1 {
		r.t.Fatalf("%d outcomes", len(out))
	}
	if out[0].Err != nil {
		return "", out[0].Err
	}
	return strings.TrimSpace(string(out[0].Replies.At(0))), nil
}

func TestAGroupSentTwiceIsAppliedOnce(t *testing.T) {
	r := newRig(t)
	at := func(run, number, oldest uint64) entry.Origin {
		return entry.Origin{Node: "n", Incarnation: run, Number: number, Oldest: oldest}
	}
	steps := []struct {
		origin entry.Origin
		want   string
		err    error
	}{
		{at(1, 1, 1), ":1", nil},
		{at(1, 1, 1), ":1", nil}, // again
		{at(1, 3, 1), ":2", nil}, // out of order
		{at(1, 2, 1), ":3", nil},
		{at(1, 3, 1), ":2", nil},
		{at(1, 4, 4), ":4", nil},          // settles 1 to 3
		{at(1, 3, 1), "", ErrForgotten},   // so nobody waits for it
		{at(2, 1, 1), ":5", nil},          // another process of the node
		{at(1, 4, 4), ":4", nil},          // the old one is still known
		{at(3, 1, 1), ":6", nil},          // ...
		{at(4, 1, 1), ":7", nil},          //
		{at(5, 1, 1), ":8", nil},          // pushes out run 2, used longest ago
		{at(1, 4, 4), ":4", nil},          //
		{at(2, 1, 1), ":9", nil},          // unknown again: this is the bound
		{at(1, 1<<40, 1<<40), ":10", nil}, //
	}
	for i, s := range steps {
		got, err := r.group(s.origin, "INCR", "k")
		if got != s.want || !errors.Is(err, s.err) {
			t.Fatalf("step %d %+v: %q, %v; want %q, %v", i, s.origin, got, err, s.want, s.err)
		}
	}
}

func TestTheWindowOfOneProcessIsBounded(t *testing.T) {
	r := newRig(t)
	for n := uint64(1); n <= 2*maxFrames; n++ {
		if _, err := r.group(entry.Origin{Node: "n", Number: n, Oldest: 1}, "INCR", "k"); err != nil {
			t.Fatal(err)
		}
	}
	run := r.sessions["n"][0]
	if len(run.frames) > maxFrames || run.floor != maxFrames+1 {
		t.Fatal(len(run.frames), run.floor)
	}
	big := strings.Repeat("x", maxKept)
	o := entry.Origin{Node: "big", Number: 1, Oldest: 1}
	if _, err := r.group(o, "SET", "k", big); err != nil {
		t.Fatal(err)
	}
	o.Number++
	if got, err := r.group(o, "GET", "k"); err != nil || len(got) < maxKept {
		t.Fatal(err, len(got))
	}
	if _, err := r.group(o, "GET", "k"); !errors.Is(err, ErrForgotten) {
		t.Fatalf("a long reply was kept: %v", err)
	}
}

func member(name string) []byte {
	b, _ := json.Marshal(Member{Name: name, Instance: "i-" + name, Raft: name + ":1"})
	return b
}

func TestSnapshotHoldsEverything(t *testing.T) {
	r := newRig(t)
	r.apply(entry.AppendPayload(nil, entry.KindMember, engine.Stamp{}, member("n1")))
	r.apply(entry.AppendPayload(nil, entry.KindMember, engine.Stamp{}, member("n2")))
	r.apply(entry.AppendPayload(nil, entry.KindForget, engine.Stamp{}, []byte("n2")))
	o := entry.Origin{Node: "n1", Incarnation: 5, Number: 1, Oldest: 1}
	if got, err := r.group(o, "INCR", "k"); got != ":1" || err != nil {
		t.Fatal(got, err)
	}
	image := take(t, r.Machine)

	other := newRig(t)
	if err := other.Restore(io.NopCloser(bytes.NewReader(image))); err != nil {
		t.Fatal(err)
	}
	other.index = r.index
	if m := other.Members(); len(m) != 1 || m[0].Name != "n1" || m[0].Raft != "n1:1" {
		t.Fatalf("members %+v", m)
	}
	if i, term := other.Applied(); i != r.index || term != 2 {
		t.Fatal(i, term)
	}
	if other.cfg.Engine.Digest() != r.cfg.Engine.Digest() {
		t.Fatal("another state")
	}
	if got, err := other.group(o, "INCR", "k"); got != ":1" || err != nil {
		t.Fatalf("a group sent again after a restore: %q, %v", got, err)
	}
	for _, at := range []int{0, 8, 10, 20, len(image) / 2, len(image) - 1} {
		bad := bytes.Clone(image)
		bad[at] ^= 0x40
		if err := newRig(t).Restore(io.NopCloser(bytes.NewReader(bad))); err == nil {
			t.Errorf("a flipped bit at %d went unnoticed", at)
		}
	}
}

// sink is a raft.SnapshotSink in memory.
type sink struct {
	bytes.Buffer
	canceled bool
}

func (s *sink) ID() string    { return "sink" }
func (s *sink) Cancel() error { s.canceled = true; return nil }
func (s *sink) Close() error  { return nil }

func take(t *testing.T, m *Machine) []byte {
	t.Helper()
	snap, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var s sink
	if err := snap.Persist(&s); err != nil || s.canceled {
		t.Fatal(err)
	}
	return s.Bytes()
}

// The client that sent a command is told to those who listen on the node it came
// from, in the run of its process in which the number means something.
func TestClientIsKnownAtItsOrigin(t *testing.T) {
	var got []uint64
	e := engine.New(engine.Options{})
	e.OnEvents(func(events []engine.Event) {
		for _, ev := range events {
			got = append(got, ev.Client)
		}
	})
	m := New(Config{
		Engine: e, Logger: slog.New(slog.DiscardHandler), Name: "n1", Incarnation: 7, Changed: func() {},
		Failed: func(err error) { t.Error(err) },
	})
	set := func(client uint64) *engine.Command {
		return &engine.Command{Proto: 2, Args: [][]byte{[]byte("SET"), []byte("k"), []byte("v")}, Client: client}
	}
	for i, o := range []entry.Origin{
		{Node: "n1", Incarnation: 7, Number: 1}, {Node: "n2", Incarnation: 7, Number: 1}, {Node: "n1", Incarnation: 6, Number: 1},
	} {
		b := entry.AppendOrigin(entry.AppendBatch(nil, engine.Stamp{UnixMilli: 1}, 1), o, 3)
		b = entry.AppendCommand(b, set(5))
		b = entry.AppendCommand(b, set(0))
		b = entry.AppendCommand(b, &engine.Command{Proto: 2, Txn: &engine.Txn{Cmds: []engine.Command{*set(0)}}, Client: 9})
		m.Apply(&raft.Log{Index: uint64(i + 1), Term: 1, Data: b})
	}
	if want := []uint64{5, 0, 9, 0, 0, 0, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("clients %v, want %v", got, want)
	}
}

func TestWhatCannotBeReadStopsTheMachine(t *testing.T) {
	r := newRig(t)
	r.apply([]byte{200, 1})
	if r.failed == nil || !errors.Is(r.failed, entry.ErrVersion) {
		t.Fatalf("failed with %v", r.failed)
	}
	before, _ := r.Applied()
	r.apply(entry.AppendBatch(nil, engine.Stamp{}, 0))
	if after, _ := r.Applied(); after != before {
		t.Fatal("went on")
	}
}

func TestWait(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- r.Wait(ctx, 2, 2) }()
	go func() { done <- r.Wait(ctx, 1, 0) }()
	r.apply(entry.AppendBatch(nil, engine.Stamp{}, 0))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.StoreConfiguration(2, raft.Configuration{})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if i, term := r.Applied(); i != 2 || term != 2 {
		t.Fatal(i, term)
	}
	cancel()
	if err := r.Wait(ctx, 99, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(r.progress.waiting) != 0 {
		t.Fatal("a waiter was left behind")
	}
}

func FuzzRestore(f *testing.F) {
	t := &testing.T{}
	r := newRig(t)
	f.Add(take(t, r.Machine))
	f.Add([]byte(snapshotMagic + "\x01\xff\xff\xff\x3f{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = newRig(t).Restore(io.NopCloser(bytes.NewReader(b)))
	})
}

func TestASnapshotIsOfTheLevelOfItsLog(t *testing.T) {
	r := newRig(t)
	r.apply(entry.AppendBatch(nil, engine.Stamp{Level: 1}, 0))
	if image := take(t, r.Machine); image[len(snapshotMagic)] != 1 || r.Level() != 1 {
		t.Fatalf("version %d, level %d", image[len(snapshotMagic)], r.Level())
	}
	r.apply(entry.AppendBatch(nil, engine.Stamp{Level: entry.Version}, 0))
	r.apply(entry.AppendBatch(nil, engine.Stamp{Level: 1}, 0))
	image := take(t, r.Machine)
	if image[len(snapshotMagic)] != entry.Version || r.Level() != entry.Version {
		t.Fatalf("version %d, level %d", image[len(snapshotMagic)], r.Level())
	}
	other := newRig(t)
	if err := other.Restore(io.NopCloser(bytes.NewReader(image))); err != nil || other.Level() != entry.Version {
		t.Fatal(err, other.Level())
	}
	image[len(snapshotMagic)]++ // what a later version of the program may write
	if err := newRig(t).Restore(io.NopCloser(bytes.NewReader(image))); !errors.Is(err, ErrSnapshot) || !strings.Contains(err.Error(), "hint: ") {
		t.Fatal(err)
	}
}

func TestTheSameSnapshotAgainAndAgainEndsTheNode(t *testing.T) {
	r := newRig(t)
	r.apply(entry.AppendBatch(nil, engine.Stamp{}, 0))
	image := take(t, r.Machine)
	restore := func() {
		t.Helper()
		if err := r.Restore(io.NopCloser(bytes.NewReader(image))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 * maxAgain { // of a log that goes on, all is well
		restore()
		r.apply(entry.AppendBatch(nil, engine.Stamp{}, 0))
		image = take(t, r.Machine)
	}
	for i := 1; i < maxAgain; i++ {
		restore()
	}
	if r.failed != nil {
		t.Fatalf("failed with %v", r.failed)
	}
	restore()
	if !errors.Is(r.failed, ErrLoop) {
		t.Fatalf("failed with %v", r.failed)
	}
}
