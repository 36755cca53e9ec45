package resp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// stream encodes content written in pieces of that size.
func stream(t testing.TB, content []byte, piece int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewStreamWriter(func(b []byte) error { out.Write(b); return nil })
	for rest := content; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Bytes() != int64(len(content)) {
		t.Fatalf("%d bytes counted, %d written", w.Bytes(), len(content))
	}
	return out.Bytes()
}

func TestStream(t *testing.T) {
	if got := string(stream(t, []byte("Hello"), 2)); got != "$?\r\n;5\r\nHello\r\n;0\r\n" {
		t.Errorf("encoded %q", got)
	}
	for _, size := range []int{0, 1, streamChunk - 1, streamChunk, streamChunk + 1, 5*streamChunk + 7} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for _, piece := range []int{1000, streamChunk, 3*streamChunk + 1} {
			in := append(stream(t, content, piece), "+OK\r\n"...)
			r := bufio.NewReader(iotest.HalfReader(bytes.NewReader(in)))
			s, err := NewStreamReader(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(s)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("size %d, pieces of %d: read %d bytes, %v", size, piece, len(got), err)
			}
			if line, err := ReadLine(r); line != "+OK" || err != nil {
				t.Fatalf("the reply behind it: %q, %v", line, err)
			}
		}
	}
}

// TestStreamCut: every cut is noticed.
func TestStreamCut(t *testing.T) {
	whole := stream(t, bytes.Repeat([]byte("x"), 3*streamChunk), streamChunk)
	for n := range len(whole) {
		if n > 100 && n < len(whole)-100 && n%777 != 0 {
			continue
		}
		s, err := NewStreamReader(bufio.NewReader(bytes.NewReader(whole[:n])))
		if err == nil {
			_, err = io.ReadAll(s)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestStreamMalformed(t *testing.T) {
	for _, in := range []string{"$5\r\nHello\r\n", "+OK\r\n", "\r\n", "$?\n", "$?\r\n5\r\nHello", "$?\r\n;-1\r\n", "$?\r\n;x\r\n", "$?\r\n;99999999999\r\n", "$?\r\n;5\r\nHelloX\r\n;0\r\n", "$?\r\n;\r\n"} {
		s, err := NewStreamReader(bufio.NewReader(strings.NewReader(in)))
		if err == nil {
			_, err = io.ReadAll(s)
		}
		if err == nil {
			t.Errorf("%q was read", in)
		}
	}
	_, err := NewStreamReader(bufio.NewReader(strings.NewReader("-NOAUTH Authentication required.\r\n")))
	var reply ReplyError
	if !errors.As(err, &reply) || reply != "NOAUTH Authentication required." {
		t.Errorf("error reply: %v", err)
	}
	if _, err := ReadLine(bufio.NewReader(strings.NewReader("-ERR no\r\n"))); !errors.As(err, &reply) {
		t.Errorf("error reply: %v", err)
	}
}

func TestStreamSendFails(t *testing.T) {
	w := NewStreamWriter(func([]byte) error { return io.ErrClosedPipe })
	if _, err := w.Write(make([]byte, streamChunk)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Close: %v", err)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("$?\r\n;5\r\nHello\r\n;0\r\n"))
	f.Add([]byte("$?\r\n;0\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		read := func(r io.Reader) (string, error) {
			s, err := NewStreamReader(bufio.NewReaderSize(r, 4096))
			if err != nil {
				return "", err
			}
			b, err := io.ReadAll(s)
			return string(b), err
		}
		whole, err1 := read(bytes.NewReader(in))
		pieces, err2 := read(iotest.OneByteReader(bytes.NewReader(in)))
		if whole != pieces || fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Fatalf("whole %q, %v; in pieces %q, %v", whole, err1, pieces, err2)
		}
	})
}
