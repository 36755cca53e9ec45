package process

import "testing"

func TestParse(t *testing.T) {
	const rest = " S 1 77 77 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 9000 1000000 25 18446744073709551615"
	for _, tc := range []struct {
		in, name string
		ok       bool
	}{
		{"77 (redis-server)" + rest, "redis-server", true},
		{"77 (a) R 9 (b))" + rest, "a) R 9 (b)", true},
		{"77 ()" + rest, "", true},
		{"", "", false},
		{"77 (cut", "", false},
		{"77 (x) S 1 2", "", false},
	} {
		var p Process
		if ok := Parse([]byte(tc.in), &p); ok != tc.ok {
			t.Errorf("Parse(%q) = %v", tc.in, ok)
			continue
		}
		if !tc.ok {
			continue
		}
		if p.Name != tc.name || p.PID != 77 || p.State != "S" || p.Parent != 1 || p.ticks != 200 || p.Threads != 4 || p.start != 9000 || p.RSS != 25*pageSize {
			t.Errorf("Parse(%q) = %+v", tc.in, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("77 (redis-server) S 1 77 77 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 9000 1000000 25 0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Process
		if Parse(b, &p) && (p.State == "" || p.PID < 0) {
			t.Fatalf("accepted %q as %+v", b, p)
		}
	})
}
