package follow

import "testing"

// The slots are those of the Redis Cluster specification and of redis-cli
// --cluster.
func TestSlot(t *testing.T) {
	for key, want := range map[string]uint16{
		"123456789": 0x31C3 % Slots, "foo": 12182, "bar": 5061, "": 0, "a": 15495, "{user1000}.following": 3443, "{user1000}.followers": 3443,
		"foo{}{bar}": 8363, "foo{{bar}}zap": Slot([]byte("{bar")), "foo{bar}{zap}": 5061, "user1000": 3443,
	} {
		if got := Slot([]byte(key)); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
}

func TestError(t *testing.T) {
	for _, c := range []struct {
		mode  Mode
		addr  string
		known bool
		want  string
	}{
		{ReadOnly, "h:1", true, "READONLY You can't write against a read only replica."},
		{ReadOnly, "", false, "READONLY You can't write against a read only replica."},
		{Moved, "h:1", true, "MOVED 12182 h:1"},
		{Moved, "", true, "CLUSTERDOWN The cluster is down"},
		{Moved, "h:1", false, "CLUSTERDOWN The cluster is down"},
	} {
		if got := Error(c.mode, []byte("foo"), c.addr, c.known); got != c.want {
			t.Errorf("%+v gives %q", c, got)
		}
	}
}

func FuzzSlot(f *testing.F) {
	f.Add([]byte("{a}b"))
	f.Fuzz(func(t *testing.T, key []byte) {
		if s := Slot(key); s >= Slots {
			t.Errorf("slot %d", s)
		}
	})
}

func TestParse(t *testing.T) {
	for setting, want := range map[string]Mode{"": Forward, "forward": Forward, "readonly": ReadOnly, "moved": Moved} {
		if got := Parse(setting); got != want {
			t.Errorf("%q is %q", setting, got)
		}
	}
}
