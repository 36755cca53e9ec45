package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering returns a Conn on which text has arrived already.
func answering(text string) *Conn { return NewConn(&canned{in: strings.NewReader(text)}) }

// canned is a connection that was answered before anybody asked.
type canned struct {
	net.Conn
	in   io.Reader
	sent bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return c.sent.Write(p) }
func (c *canned) Close() error                { return nil }

func TestAppendCommand(t *testing.T) {
	got := string(AppendCommand([]byte("before "), "SET", "k", ""))
	if want := "before *3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"; got != want {
		t.Errorf("encoded %q, want %q", got, want)
	}
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Reply
	}{
		{"+OK\r\n", Reply{Kind: '+', Text: "OK"}},
		{"-ERR no\r\n", Reply{Kind: '-', Text: "ERR no"}},
		{":-12\r\n", Reply{Kind: ':', Int: -12}},
		{"$2\r\na\n\r\n", Reply{Kind: '$', Text: "a\n"}},
		{"$0\r\n\r\n", Reply{Kind: '$'}},
		{"$-1\r\n", Reply{Kind: '$', Nil: true}},
		{"*-1\r\n", Reply{Kind: '*', Nil: true}},
		{"_\r\n", Reply{Kind: '_', Nil: true}},
		{"#t\r\n", Reply{Kind: '#', Text: "t"}},
		{",1.5\r\n", Reply{Kind: ',', Text: "1.5"}},
		{"=5\r\ntxt:a\r\n", Reply{Kind: '=', Text: "txt:a"}},
		{"%1\r\n+a\r\n:1\r\n", Reply{Kind: '%', Items: []Reply{{Kind: '+', Text: "a"}, {Kind: ':', Int: 1}}}},
		{">1\r\n~0\r\n", Reply{Kind: '>', Items: []Reply{{Kind: '~'}}}},
		{"*2\r\n:1\r\n*1\r\n+a\r\n", Reply{Kind: '*', Items: []Reply{
			{Kind: ':', Int: 1}, {Kind: '*', Items: []Reply{{Kind: '+', Text: "a"}}},
		}}},
	} {
		got, err := answering(tt.text).Read()
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q is read as %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		"x\r\n", "+OK\n", "\r\n", ":1a\r\n", "$-2\r\n", "$99999999999\r\n", "*99999999999\r\n", "%99999999999\r\n", "=99999999999\r\n", "$x\r\n",
		strings.Repeat("*1\r\n", 20), strings.Repeat("+", 1<<15),
	} {
		if _, err := answering(text).Read(); err == nil {
			t.Errorf("%.20q is taken for a reply", text)
		}
	}
	for _, text := range []string{"", "+OK", "$5\r\nab", "*2\r\n:1\r\n"} {
		if _, err := answering(text).Read(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, cut short, gives %v", text, err)
		}
	}
}

func TestReadInt(t *testing.T) {
	c := answering("-ERR no\r\n:7\r\n+OK\r\n")
	var reply Error
	if _, err := c.ReadInt(); !errors.As(err, &reply) || reply != "ERR no" {
		t.Errorf("error reply is %v", err)
	}
	if n, err := c.ReadInt(); n != 7 || err != nil {
		t.Errorf("after an error reply: %d, %v; want 7", n, err)
	}
	if _, err := c.ReadInt(); !errors.Is(err, ErrProtocol) {
		t.Errorf("a status is taken for a number: %v", err)
	}
}

func TestReadIntDoesNotAllocate(t *testing.T) {
	c := answering(strings.Repeat(":123456\r\n", 2000))
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.ReadInt(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a reply, want 0", n)
	}
}

// TestAsk speaks to a listener that answers as told.
func TestAsk(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for _, answer := range []string{"+PONG\r\n", "-NOAUTH who\r\n", ""} {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, len("*1\r\n$4\r\nPING\r\n")))
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	defer func() { ln.Close(); <-served }()
	ask := func() (Reply, error) { return Ask(t.Context(), ln.Addr().String(), "PING") }
	if r, err := ask(); err != nil || r.Text != "PONG" {
		t.Errorf("answer %+v, %v; want PONG", r, err)
	}
	var reply Error
	if _, err := ask(); !errors.As(err, &reply) {
		t.Errorf("error reply is %v, want an Error", err)
	}
	if _, err := ask(); !errors.Is(err, io.EOF) {
		t.Errorf("no answer is %v, want EOF", err)
	}
}

func TestDeadline(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := NewConn(near)
	if err := c.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := c.Read(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("silence is %v, want a timeout", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("*2\r\n:1\r\n$1\r\na\r\n")
	f.Add("$1073741824\r\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = answering(text).Read() })
}
