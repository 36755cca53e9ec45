package compress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func unzip(t *testing.T, p []byte) (string, error) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

// TestWriter: what is flushed can be read, what is cut lacks its end, and a Writer that
// was released anywhere begins anew.
func TestWriter(t *testing.T) {
	c := compressor(t, Options{})
	for round := range 3 {
		w := c.Writer()
		w.Write([]byte("hello "))
		w.Flush()
		got := bytes.Clone(w.Take())
		if text, err := unzip(t, got); text != "hello " || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("round %d, flushed: %q, %v", round, text, err)
		}
		w.Write([]byte("world"))
		if round == 1 { // cut off
			w.Flush()
			got = append(got, w.Take()...)
			if text, err := unzip(t, got); text != "hello world" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut: %q, %v", text, err)
			}
			w.Write([]byte("more"))
			w.Release()
			continue
		}
		w.Close()
		got = append(got, w.Take()...)
		if text, err := unzip(t, got); text != "hello world" || err != nil || w.Size() != 0 {
			t.Errorf("round %d: %q, %v", round, text, err)
		}
		w.Release()
	}
	if s := c.Stats(); s.Responses != 3 || s.In != 3*11+4 || s.Out == 0 || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// TestEmptyBody: that of no byte is a whole one too.
func TestEmptyBody(t *testing.T) {
	w := compressor(t, Options{}).Writer()
	defer w.Release()
	w.Close()
	if text, err := unzip(t, w.Take()); text != "" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestStreams: no more are at work than allowed.
func TestStreams(t *testing.T) {
	c := compressor(t, Options{Streams: 2})
	a, b := c.Writer(), c.Writer()
	if a == nil || b == nil || c.Writer() != nil || c.Writer() != nil {
		t.Fatal("not two")
	}
	if s := c.Stats(); s.Busy != 2 || s.Passed != 2 {
		t.Errorf("%+v", s)
	}
	a.Release()
	if a = c.Writer(); a == nil {
		t.Fatal("none free after one was released")
	}
	a.Release()
	b.Release()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if w := c.Writer(); w != nil {
					w.Write([]byte("x"))
					w.Release()
				}
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// BenchmarkWriter: a body costs no memory once there are Writers.
func BenchmarkWriter(b *testing.B) {
	c := compressor(b, Options{})
	text := []byte(strings.Repeat("some text ", 1000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		w := c.Writer()
		w.Write(text)
		w.Close()
		_ = w.Take()
		w.Release()
	}
}
