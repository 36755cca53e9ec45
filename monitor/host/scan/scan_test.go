package scan

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNumber(t *testing.T) {
	for in, want := range map[string]uint64{
		"": 0, "0": 0, "42": 42, "42kB": 42, "-1": 0, "x": 0,
		"18446744073709551615": math.MaxUint64, "99999999999999999999999": math.MaxUint64,
	} {
		if got := Number([]byte(in)); got != want {
			t.Errorf("Number(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for in, want := range map[string]float64{"": 0, "1": 1, "0.52": 0.52, "12.25x": 12.25, ".5": 0.5, "7.": 7} {
		if got := Decimal([]byte(in)); math.Abs(got-want) > 1e-9 {
			t.Errorf("Decimal(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestLinesAndFields(t *testing.T) {
	line, rest := Line([]byte("a b\nc"))
	if string(line) != "a b" || string(rest) != "c" {
		t.Errorf("line %q, rest %q", line, rest)
	}
	if line, rest = Line(rest); string(line) != "c" || rest != nil {
		t.Errorf("last line %q, rest %q", line, rest)
	}
	field, rest := Field([]byte(" \t x y"))
	if string(field) != "x" || string(rest) != " y" {
		t.Errorf("field %q, rest %q", field, rest)
	}
	if field, _ = Field([]byte("  ")); len(field) != 0 {
		t.Errorf("field %q of blanks", field)
	}
	if n, rest := NextNumber([]byte("  12kB 3")); n != 12 || string(rest) != " 3" {
		t.Errorf("number %d, rest %q", n, rest)
	}
	name, value, ok := Colon([]byte("  eth0:12 3"))
	if !ok || string(name) != "eth0" || string(value) != "12 3" {
		t.Errorf("%q %q %v", name, value, ok)
	}
	if _, _, ok := Colon([]byte("no colon")); ok {
		t.Error("a colon where there is none")
	}
	if !HasPrefix([]byte("total=1"), "total=") || HasPrefix([]byte("t"), "total=") {
		t.Error("prefix")
	}
}

func TestFileGrowsTheBuffer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	want := bytes.Repeat([]byte("0123456789"), 100)
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 16)
	for range 2 { // from the start each time
		var data []byte
		if buf, data, err = f.ReadAll(buf); err != nil || !bytes.Equal(data, want) || len(buf) <= len(want) {
			t.Errorf("%d bytes in a buffer of %d: %v", len(data), len(buf), err)
		}
	}
	if _, err := Open(path + "x"); err == nil {
		t.Error("opened what is not there")
	}
	(File{}).Close() // the zero File is no file
}

func TestNumbersOfADirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "42", "x", "7x", "1234567890123", "self", "999999"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 64) // a few entries at a time
	for range 2 {
		var got []int
		if err := Numbers(f, buf, func(n int) { got = append(got, n) }); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, []int{1, 42, 999999}) {
			t.Errorf("numbers %v", got)
		}
	}
	file, err := Open("/proc/self/stat")
	if err != nil {
		t.Skip("no /proc here")
	}
	defer file.Close()
	if err := Numbers(file, buf, func(int) {}); err == nil {
		t.Error("no error for what is no directory")
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("a: 1 2.5\nb 3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for rest := b; rest != nil; {
			var line []byte
			line, rest = Line(rest)
			total += len(line)
			for field, more := Field(line); len(field) > 0; field, more = Field(more) {
				Number(field)
				Decimal(field)
				IsNumber(field)
			}
			Colon(line)
		}
		if total > len(b) {
			t.Fatalf("lines of %d bytes from %d", total, len(b))
		}
	})
}
