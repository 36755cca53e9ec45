package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func FuzzRead(f *testing.F) {
	f.Add(file(9, key(typeString, "k", str("v"))))
	f.Add(file(10, key(typeHashListpack, "k", str(string(listpack([]byte{0x81, 'f'}, []byte{5}))))))
	f.Add(file(6, key(typeHashZiplist, "k", str(string(ziplist([]byte{1, 'f'}, []byte{0xf2}))))))
	f.Add(file(2, key(typeHashZipmap, "k", str("\x01\x01a\x01\x00b\xff"))))
	f.Add(file(12, key(typeHashTTL, "k", append(make([]byte, 8), 1, 0, 1, 'f', 1, 'v'))))
	f.Add(file(9, []byte{typeString, 1, 'k', 0xc3, 3, 5, 0, 'a', 0x20}))
	f.Add(file(80, key(valkeyOwn, "k", append([]byte{1, 1, 'f', 1, 'v'}, make([]byte, 8)...))))
	f.Add(file(14, []byte{opMeta, 1, 1, 2, 3, 4, 2, 7, 0}, key(typeString, "k", str("v"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksum keeps almost everything out: make it fit.
		all := [][]byte{b}
		if len(b) > 9+9 {
			for _, version := range []int{10, maxRedis, maxValkey} {
				all = append(all, file(version, b[9:len(b)-9]))
			}
		}
		for _, in := range all {
			s := &seen{}
			info, err := Read(bytes.NewReader(in), s)
			if err == nil && info.Bytes > int64(len(in)) {
				t.Fatalf("read %d of %d bytes", info.Bytes, len(in))
			}
			if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrChecksum) {
				t.Fatalf("unexpected kind of error: %v", err)
			}
			// The same bytes in the smallest pieces give the same.
			again := &seen{}
			_, err2 := Read(iotest.OneByteReader(bytes.NewReader(in)), again)
			if fmt.Sprint(err) != fmt.Sprint(err2) || fmt.Sprint(s.lines) != fmt.Sprint(again.lines) {
				t.Fatalf("in pieces: %v, whole: %v", err2, err)
			}
		}
	})
}

// TestRoundTrip writes anything and reads it back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		var want []string
		w := NewWriter(&out, "a", "b")
		text := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.Int64(), func(n int64) []byte { return fmt.Append(nil, n) }))
		for range rapid.IntRange(0, 20).Draw(t, "keys") {
			name, db := text.Draw(t, "name"), rapid.Uint64Range(0, 70).Draw(t, "db")
			at := rapid.Int64Range(0, 1<<50).Draw(t, "expiry")
			until := ""
			if at != 0 {
				until = fmt.Sprintf(" until %d", at)
			}
			if rapid.Bool().Draw(t, "hash") {
				fields := rapid.SliceOfN(text, 1, 9).Draw(t, "fields")
				w.Hash(db, name, at, uint64(len(fields)))
				line := fmt.Sprintf("db%d hash %q%s:", db, name, until)
				for i, f := range fields {
					w.Field(f, fields[len(fields)-1-i])
					line += fmt.Sprintf(" %q=%q", f, fields[len(fields)-1-i])
				}
				want = append(want, line)
				continue
			}
			value := text.Draw(t, "value")
			w.String(db, name, at, value)
			want = append(want, fmt.Sprintf("db%d string %q%s: %q", db, name, until, value))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if w.Bytes() != int64(out.Len()) {
			t.Fatalf("%d bytes written, %d said", out.Len(), w.Bytes())
		}
		got := &seen{}
		if _, err := Read(&out, got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got.lines) != fmt.Sprint(want) {
			t.Fatalf("read %q\nwant %q", got.lines, want)
		}
	})
}

// errAfter fails once n bytes have passed.
type errAfter struct{ n int }

var errFull = errors.New("disk full")

func (e *errAfter) Write(p []byte) (int, error) {
	if e.n -= len(p); e.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterReportsErrors(t *testing.T) {
	w := NewWriter(&errAfter{100_000})
	for range 10 {
		w.String(0, []byte("k"), 0, make([]byte, 50_000))
	}
	if err := w.Close(); !errors.Is(err, errFull) || !errors.Is(w.Err(), errFull) {
		t.Errorf("Close = %v", err)
	}
	w = NewWriter(io.Discard)
	w.Hash(0, []byte("h"), 0, 2)
	w.Field([]byte("a"), []byte("b"))
	if err := w.Close(); err == nil {
		t.Error("a hash with a field too few was written")
	}
	w = NewWriter(io.Discard)
	w.Hash(0, []byte("h"), 0, 1)
	w.String(0, []byte("s"), 0, nil)
	if err := w.Close(); err == nil {
		t.Error("a hash without its field was written")
	}
}

// failing is a visitor that has enough.
type failing struct {
	seen
	at string
}

var errEnough = errors.New("enough")

func (f *failing) Key(k Key) error {
	if f.at == "key" {
		return errEnough
	}
	return f.seen.Key(k)
}

func (f *failing) Part(a, b []byte) error {
	if f.at == "part" {
		return errEnough
	}
	return f.seen.Part(a, b)
}

func (f *failing) End() error {
	if f.at == "end" {
		return errEnough
	}
	return f.seen.End()
}

func TestVisitorEndsRead(t *testing.T) {
	for _, at := range []string{"key", "part", "end"} {
		in := file(10, key(typeHashListpack, "k", str(string(listpack([]byte{0x81, 'f'}, []byte{5})))))
		if _, err := Read(bytes.NewReader(in), &failing{at: at}); err != errEnough {
			t.Errorf("at %s: %v", at, err)
		}
	}
	if _, err := Read(iotest.ErrReader(errFull), &seen{}); !errors.Is(err, errFull) {
		t.Errorf("error of the reader: %v", err)
	}
}

// hollow is a file with a huge string of zeros that needs no memory itself.
type hollow struct {
	head *bytes.Reader
	left int64
}

func (h *hollow) Read(p []byte) (int, error) {
	if h.head.Len() > 0 {
		return h.head.Read(p)
	}
	n := min(int64(len(p)), h.left)
	if h.left -= n; n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	return int(n), nil
}

// TestMemoryIsBounded: streams are passed over without holding them, and lengths
// that lie cost nothing.
func TestMemoryIsBounded(t *testing.T) {
	used := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const size = 200 << 20
	body := append([]byte("REDIS0010"), key(typeStream2, "s", append([]byte{1, 0}, 0x80, size>>24, size>>16&255, size>>8&255, size&255))...)
	if n := used(func() {
		_, err := Read(&hollow{bytes.NewReader(body), size + 6}, &seen{})
		if !errors.Is(err, ErrFormat) {
			t.Errorf("a stream that is cut: %v", err)
		}
	}); n > 8<<20 {
		t.Errorf("passing over %d MB took %d MB", size>>20, n>>20)
	}
	for _, lie := range [][]byte{
		{typeString, 0x80, 255, 255, 255, 255},                  // a name of 4 GB
		{typeString, 1, 'k', 0xc3, 2, 0x80, 255, 255, 255, 255}, // LZF of 4 GB
		append([]byte{typeHash, 1, 'k', 0x81}, bytes.Repeat([]byte{255}, 8)...),
	} {
		if n := used(func() { _, _ = Read(bytes.NewReader(file(9, lie)), &seen{}) }); n > 8<<20 {
			t.Errorf("a lie of %x took %d MB", lie, n>>20)
		}
	}
}
