package machine

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

func forget(r *rig, name string, at int64) {
	r.apply(entry.AppendPayload(nil, entry.KindForget, engine.Stamp{UnixMilli: at}, []byte(name)))
}

// A node is removed while a group of its own is on its way for the second time: to be
// sent again after a change of leader, for example.
func TestWhatARemovedNodeSentIsStillAppliedOnce(t *testing.T) {
	r := newRig(t)
	o := entry.Origin{Node: "n", Incarnation: 1, Number: 1, Oldest: 1}
	if got, err := r.group(o, "INCR", "k"); got != ":1" || err != nil {
		t.Fatal(got, err)
	}
	forget(r, "n", 1000)
	if got, err := r.group(o, "INCR", "k"); got != ":1" || err != nil {
		t.Fatalf("again after its node was removed: %q, %v", got, err)
	}
	other := newRig(t)
	if err := other.Restore(io.NopCloser(bytes.NewReader(take(t, r.Machine)))); err != nil {
		t.Fatal(err)
	}
	if got, err := other.group(o, "INCR", "k"); got != ":1" || err != nil {
		t.Fatalf("again, after a restore too: %q, %v", got, err)
	}
	// It does not take memory for ever.
	forget(other, "m", 1000+keptFor.Milliseconds()+1)
	if len(other.sessions) != 0 || len(other.left) != 1 {
		t.Fatalf("sessions %v, left %v", other.sessions, other.left)
	}
}

func TestANodeThatCameBackIsNotForgottenLater(t *testing.T) {
	r := newRig(t)
	o := entry.Origin{Node: "n", Incarnation: 1, Number: 1, Oldest: 1}
	if _, err := r.group(o, "INCR", "k"); err != nil {
		t.Fatal(err)
	}
	forget(r, "n", 1000)
	r.apply(entry.AppendPayload(nil, entry.KindMember, engine.Stamp{UnixMilli: 1001}, []byte(`{"name":"n"}`)))
	forget(r, "m", 1000+2*keptFor.Milliseconds())
	if len(r.sessions["n"]) != 1 {
		t.Fatal("forgotten")
	}
}

func TestASnapshotThatIsOlderThanTheStateIsRefused(t *testing.T) {
	r := newRig(t)
	o := entry.Origin{Node: "n", Incarnation: 1, Number: 1, Oldest: 1}
	if _, err := r.group(o, "INCR", "k"); err != nil {
		t.Fatal(err)
	}
	old := take(t, r.Machine)
	o.Number = 2
	if _, err := r.group(o, "INCR", "k"); err != nil {
		t.Fatal(err)
	}
	if err := r.Restore(io.NopCloser(bytes.NewReader(old))); !errors.Is(err, ErrOld) {
		t.Fatalf("error %v", err)
	}
	o.Number = 3
	if got, err := r.group(o, "INCR", "k"); got != ":3" || err != nil {
		t.Fatal(got, err)
	}
}
