package pressure

import "testing"

func TestParse(t *testing.T) {
	for in, want := range map[string]Stall{
		"":                                 {},
		"some avg10=0.12 total=5\n":        {Some: 5, Known: true},
		"full avg10=0.00 total=9":          {Full: 9, Known: true},
		"some total=1\nfull total=2\n":     {Some: 1, Full: 2, Known: true},
		"some avg10=1.00\n":                {},
		"other total=4\n":                  {},
		"some total=x extra total=7\n":     {Some: 7, Known: true},
		"some avg300=0.00 total=12 more=1": {Some: 12, Known: true},
	} {
		if got := Parse([]byte(in)); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("some avg10=0.00 total=1\nfull total=2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := Parse(b); !s.Known && s != (Stall{}) {
			t.Fatalf("figures of what is not known: %+v", s)
		}
	})
}
