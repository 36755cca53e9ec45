package h2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"
)

// witness writes down what a machine tells it and takes every byte at once.
type witness struct {
	m      *Machine
	log    []string
	hold   bool // do not take what comes
	bodies map[uint32]*bytes.Buffer
	ended  map[uint32]bool
}

func (w *witness) note(format string, a ...any) { w.log = append(w.log, fmt.Sprintf(format, a...)) }

func (w *witness) Headers(s *Stream, fields []Field, end, tooLong bool) {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%s", f.Name, f.Value)
	}
	if tooLong {
		b.Reset()
		b.WriteString(" too long")
	}
	w.note("headers %d end=%v%s", s.ID, end, b.String())
	w.ended[s.ID] = w.ended[s.ID] || end
}

func (w *witness) Data(s *Stream, p []byte, end bool) {
	if w.bodies[s.ID] == nil {
		w.bodies[s.ID] = &bytes.Buffer{}
	}
	w.bodies[s.ID].Write(p)
	w.note("data %d %q end=%v", s.ID, p[:min(len(p), 20)], end)
	w.ended[s.ID] = w.ended[s.ID] || end
	if !w.hold {
		w.m.Consume(s, len(p))
	}
}

func (w *witness) Reset(s *Stream, code Code)    { w.note("reset %d %v", s.ID, code) }
func (w *witness) Window(*Stream)                {}
func (w *witness) GoAway(last uint32, code Code) { w.note("goaway %d %v", last, code) }
func (w *witness) said() string                  { return strings.Join(w.log, "\n") }
func newWitness() *witness {
	return &witness{bodies: map[uint32]*bytes.Buffer{}, ended: map[uint32]bool{}}
}

func server() (*witness, *Machine) { w := newWitness(); w.m = NewServer(w, 10); return w, w.m }

func settled() (*witness, *Machine) {
	w, m := server()
	must(m.Receive(hello()))
	m.Swap(nil)
	return w, m
}

func hello() []byte { return append([]byte(Preface), settings()...) }

func settings(pairs ...uint32) []byte {
	b := header{size: 6 * len(pairs) / 2, kind: frameSettings}.append(nil)
	for i := 0; i < len(pairs); i += 2 {
		b = binary.BigEndian.AppendUint16(b, uint16(pairs[i]))
		b = binary.BigEndian.AppendUint32(b, pairs[i+1])
	}
	return b
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// frame makes a frame of any kind.
func frame(k kind, flags uint8, stream uint32, payload string) []byte {
	return append(header{size: len(payload), kind: k, flags: flags, stream: stream}.append(nil), payload...)
}

// block encodes "name=value" words without a table, so that it may be repeated.
func block(words string) string {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for w := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(w, "=")
		must(e.WriteField(Field{Name: name, Value: value, Sensitive: true}))
	}
	return b.String()
}

var (
	get  = block(":method=GET :scheme=http :path=/ :authority=a")
	post = block(":method=POST :scheme=http :path=/ :authority=a content-length=4")
	ends = uint8(flagEndHeaders | flagEndStream)
)

func u32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// outcome is what a peer sees of a machine's output, read by another
// implementation: resets and the end.
func outcome(t testing.TB, out []byte) string {
	t.Helper()
	var b strings.Builder
	fr := http2.NewFramer(io.Discard, bytes.NewReader(out))
	for {
		f, err := fr.ReadFrame()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(b.String())
		}
		if err != nil {
			t.Fatalf("output cannot be read: %v", err)
		}
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			fmt.Fprintf(&b, " reset %d %v", f.StreamID, f.ErrCode)
		case *http2.GoAwayFrame:
			fmt.Fprintf(&b, " goaway %d %v", f.LastStreamID, f.ErrCode)
		}
	}
}

// TestFaults sends what a client must not, behind what it must, and compares what
// it is told with RFC 9113. Names give the section.
func TestFaults(t *testing.T) {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	open := func(id uint32) []byte {
		return frame(frameHeaders, flagEndHeaders, id, block(":method=POST :scheme=http :path=/ :authority=a"))
	}
	for _, c := range []struct {
		name string
		send []byte
		want string
	}{
		{"4.1 unknown frames are ignored", frame(99, 0xff, 7, "what"), ""},
		{"4.2 too large", header{size: maxFrame + 1, kind: frameData, stream: 1}.append(nil), "goaway 0 FRAME_SIZE_ERROR"},
		{"4.3 broken block", frame(frameHeaders, ends, 1, "\x80"), "goaway 0 COMPRESSION_ERROR"},
		{"4.3 block ends early", frame(frameHeaders, ends, 1, "\x00\x05ab"), "goaway 0 COMPRESSION_ERROR"},
		{"5.1 DATA on an idle stream", frame(frameData, 0, 1, "x"), "goaway 0 PROTOCOL_ERROR"},
		{"5.1 RST_STREAM on an idle stream", frame(frameReset, 0, 1, u32(8)), "goaway 0 PROTOCOL_ERROR"},
		{"5.1 WINDOW_UPDATE on an idle stream", frame(frameWindow, 0, 1, u32(8)), "goaway 0 PROTOCOL_ERROR"},
		{"5.1 DATA behind the end", join(frame(frameHeaders, ends, 1, get), frame(frameData, 0, 1, "x")), "reset 1 STREAM_CLOSED"},
		{"5.1 HEADERS behind the end", join(frame(frameHeaders, ends, 1, get), frame(frameHeaders, ends, 1, get)), "reset 1 STREAM_CLOSED"},
		{"5.1 DATA behind a reset", join(open(1), frame(frameReset, 0, 1, u32(8)), frame(frameData, 0, 1, "x")), "reset 1 STREAM_CLOSED"},
		{"5.1 HEADERS behind a reset", join(open(1), frame(frameReset, 0, 1, u32(8)), frame(frameHeaders, ends, 1, get)), "goaway 1 STREAM_CLOSED"},
		{"5.1 late updates are ignored", join(open(1), frame(frameReset, 0, 1, u32(8)), frame(frameWindow, 0, 1, u32(8)), frame(frameReset, 0, 1, u32(8))), ""},
		{"5.1.1 even", frame(frameHeaders, ends, 2, get), "goaway 0 PROTOCOL_ERROR"},
		{"5.1.1 going back", join(frame(frameHeaders, ends, 5, get), frame(frameHeaders, ends, 3, get)), "goaway 5 PROTOCOL_ERROR"},
		{"5.3.1 HEADERS that depend on themselves", frame(frameHeaders, ends|flagPriority, 1, u32(1)+"\x00"+get), "reset 1 PROTOCOL_ERROR"},
		{"5.3.1 PRIORITY that depends on itself", join(open(1), frame(framePriority, 0, 1, u32(1)+"\x00")), "reset 1 PROTOCOL_ERROR"},
		{"5.3.1 PRIORITY of an idle stream", frame(framePriority, 0, 9, u32(3)+"\x00"), ""},
		{"6.1 DATA on 0", frame(frameData, 0, 0, "x"), "goaway 0 PROTOCOL_ERROR"},
		{"6.1 padding", join(open(1), frame(frameData, flagPadded, 1, "\x05abc")), "goaway 1 PROTOCOL_ERROR"},
		{"6.1 padding without length", join(open(1), frame(frameData, flagPadded, 1, "")), "goaway 1 FRAME_SIZE_ERROR"},
		{"6.2 HEADERS on 0", frame(frameHeaders, ends, 0, get), "goaway 0 PROTOCOL_ERROR"},
		{"6.2 priority missing", frame(frameHeaders, ends|flagPriority, 1, "abc"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.3 PRIORITY on 0", frame(framePriority, 0, 0, "12345"), "goaway 0 PROTOCOL_ERROR"},
		{"6.3 PRIORITY size", join(open(1), frame(framePriority, 0, 1, "1234")), "reset 1 FRAME_SIZE_ERROR"},
		{"6.4 RST_STREAM on 0", frame(frameReset, 0, 0, u32(8)), "goaway 0 PROTOCOL_ERROR"},
		{"6.4 RST_STREAM size", join(open(1), frame(frameReset, 0, 1, "x")), "goaway 1 FRAME_SIZE_ERROR"},
		{"6.5 SETTINGS on a stream", frame(frameSettings, 0, 1, ""), "goaway 0 PROTOCOL_ERROR"},
		{"6.5 SETTINGS size", frame(frameSettings, 0, 0, "x"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.5 acknowledged with content", frame(frameSettings, flagAck, 0, "123456"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.5.2 push", settings(setPush, 2), "goaway 0 PROTOCOL_ERROR"},
		{"6.5.2 window", settings(setWindow, 1<<31), "goaway 0 FLOW_CONTROL_ERROR"},
		{"6.5.2 frame", settings(setFrame, 1<<24), "goaway 0 PROTOCOL_ERROR"},
		{"6.5.2 frame, small", settings(setFrame, 100), "goaway 0 PROTOCOL_ERROR"},
		{"6.5.2 unknown", settings(0xff, 100), ""},
		{"RFC 8441 section 3", settings(setConnect, 2), "goaway 0 PROTOCOL_ERROR"},
		{"6.6 PUSH_PROMISE", join(open(1), frame(framePush, flagEndHeaders, 1, u32(2))), "goaway 1 PROTOCOL_ERROR"},
		{"6.7 PING on a stream", frame(framePing, 0, 1, "12345678"), "goaway 0 PROTOCOL_ERROR"},
		{"6.7 PING size", frame(framePing, 0, 0, "1234"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.8 GOAWAY on a stream", frame(frameGoAway, 0, 1, "12345678"), "goaway 0 PROTOCOL_ERROR"},
		{"6.8 GOAWAY size", frame(frameGoAway, 0, 0, "1234"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.9 nothing for the connection", frame(frameWindow, 0, 0, u32(0)), "goaway 0 PROTOCOL_ERROR"},
		{"6.9 nothing for a stream", join(open(1), frame(frameWindow, 0, 1, u32(0))), "reset 1 PROTOCOL_ERROR"},
		{"6.9 size", frame(frameWindow, 0, 0, "123"), "goaway 0 FRAME_SIZE_ERROR"},
		{"6.9.1 the connection's window", frame(frameWindow, 0, 0, u32(maxWindow)), "goaway 0 FLOW_CONTROL_ERROR"},
		{"6.9.1 a stream's window", join(open(1), frame(frameWindow, 0, 1, u32(maxWindow))), "reset 1 FLOW_CONTROL_ERROR"},
		{"6.9.2 all windows", join(open(1), frame(frameWindow, 0, 1, u32(1)), settings(setWindow, maxWindow)), "goaway 1 FLOW_CONTROL_ERROR"},
		{"6.10 CONTINUATION alone", frame(frameContinuation, flagEndHeaders, 1, get), "goaway 0 PROTOCOL_ERROR"},
		{"6.10 interrupted", join(frame(frameHeaders, flagEndStream, 1, get[:2]), frame(framePing, 0, 0, "12345678")), "goaway 0 PROTOCOL_ERROR"},
		{"6.10 another stream", join(frame(frameHeaders, flagEndStream, 1, get[:2]), frame(frameContinuation, flagEndHeaders, 3, get[2:])), "goaway 0 PROTOCOL_ERROR"},
		{"8.1 trailers without an end", join(open(1), frame(frameHeaders, flagEndHeaders, 1, block("a=b"))), "reset 1 PROTOCOL_ERROR"},
		{"8.1 pseudo in trailers", join(open(1), frame(frameHeaders, ends, 1, get)), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 more than announced", join(frame(frameHeaders, flagEndHeaders, 1, post), frame(frameData, 0, 1, "12345")), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 less than announced", join(frame(frameHeaders, flagEndHeaders, 1, post), frame(frameData, flagEndStream, 1, "123")), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 less, with trailers", join(frame(frameHeaders, flagEndHeaders, 1, post), frame(frameHeaders, ends, 1, block("a=b"))), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 announced and nothing", frame(frameHeaders, ends, 1, post), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 two lengths", frame(frameHeaders, flagEndHeaders, 1, post+block("content-length=5")), "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 odd length", frame(frameHeaders, flagEndHeaders, 1, get+block("content-length=+5")), "reset 1 PROTOCOL_ERROR"},
	} {
		for _, size := range []int{1 << 20, 1} { // in one piece and byte by byte
			_, m := settled()
			var err error
			for rest := c.send; len(rest) > 0 && err == nil; {
				n := min(size, len(rest))
				err = m.Receive(rest[:n])
				rest = rest[n:]
			}
			if got := outcome(t, m.Output()); got != c.want || (err != nil) != strings.HasPrefix(c.want, "goaway") {
				t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
			}
			if err != nil && m.Receive([]byte("more")) != err {
				t.Errorf("%s: the error is forgotten", c.name)
			}
		}
	}
}

func TestGreeting(t *testing.T) {
	_, m := server()
	if err := m.Receive([]byte("GET / HTTP/1.1\r\n")); err == nil || outcome(t, m.Output()) != "goaway 0 PROTOCOL_ERROR" {
		t.Error(err)
	}
	_, m = server()
	if err := m.Receive(append([]byte(Preface), frame(framePing, 0, 0, "12345678")...)); err == nil {
		t.Error("PING before SETTINGS is accepted")
	}
	_, m = server()
	if err := m.Receive(append([]byte(Preface), frame(frameSettings, flagAck, 0, "")...)); err == nil || m.Settled() {
		t.Error("acknowledged SETTINGS before any")
	}
}

// TestLimits: what a client can make a server hold or do is bounded.
func TestLimits(t *testing.T) {
	t.Run("streams", func(t *testing.T) {
		w, m := settled()
		for id := uint32(1); id < 23; id += 2 {
			must(m.Receive(frame(frameHeaders, ends, id, get)))
		}
		if got := outcome(t, m.Output()); got != "reset 21 REFUSED_STREAM" || m.Streams() != 10 || len(w.log) != 10 {
			t.Errorf("%q, %d streams", got, m.Streams())
		}
	})
	t.Run("rapid reset", func(t *testing.T) {
		_, m := settled()
		var err error
		id := uint32(1)
		for ; err == nil && id < 2001; id += 2 {
			must(m.Receive(frame(frameHeaders, ends, id, get)))
			err = m.Receive(frame(frameReset, 0, id, u32(8)))
			m.Swap(nil)
		}
		var ce *ConnError
		if !errors.As(err, &ce) || ce.Code != CodeCalm {
			t.Errorf("%d requests taken back: %v", id/2, err)
		}
	})
	t.Run("faults in place of resets", func(t *testing.T) {
		_, m := settled()
		var err error
		id := uint32(1)
		for ; err == nil && id < 2001; id += 2 {
			must(m.Receive(frame(frameHeaders, ends, id, get)))
			err = m.Receive(frame(frameWindow, 0, id, u32(0)))
			m.Swap(nil)
		}
		var ce *ConnError
		if !errors.As(err, &ce) || ce.Code != CodeCalm {
			t.Errorf("%d requests made to be taken back: %v", id/2, err)
		}
	})
	t.Run("header block", func(t *testing.T) {
		_, m := settled()
		must(m.Receive(frame(frameHeaders, flagEndStream, 1, get)))
		var err error
		for i := 0; err == nil && i < 100; i++ {
			err = m.Receive(frame(frameContinuation, 0, 1, block("x="+strings.Repeat("y", 9000))))
		}
		var ce *ConnError
		if !errors.As(err, &ce) || ce.Code != CodeCalm {
			t.Error(err)
		}
	})
	t.Run("field list", func(t *testing.T) {
		w, m := settled()
		// A table entry used again and again: few bytes, many fields.
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for range 2000 {
			must(e.WriteField(Field{Name: "x", Value: strings.Repeat("y", 100)}))
		}
		must(m.Receive(frame(frameHeaders, ends, 1, get+b.String())))
		if w.said() != "headers 1 end=true too long" {
			t.Errorf("%.100s", w.said())
		}
		must(m.Receive(frame(frameHeaders, ends, 3, get))) // and the next is all right
		if len(w.log) != 2 || !strings.HasPrefix(w.log[1], "headers 3 end=true :method=GET") {
			t.Errorf("%.200s", w.said())
		}
	})
	t.Run("answers that nobody reads", func(t *testing.T) {
		_, m := settled()
		var err error
		for i := 0; err == nil && i < 1<<17; i++ {
			err = m.Receive(frame(framePing, 0, 0, "12345678"))
		}
		if err == nil || len(m.Output()) > 2*maxOutput {
			t.Errorf("%d bytes wait, %v", len(m.Output()), err)
		}
	})
	t.Run("body that nobody takes", func(t *testing.T) {
		w, m := settled()
		w.hold = true
		must(m.Receive(frame(frameHeaders, flagEndHeaders, 1, block(":method=POST :scheme=http :path=/ :authority=a"))))
		part := frame(frameData, 0, 1, strings.Repeat("x", maxFrame))
		for range streamWindow / maxFrame {
			must(m.Receive(part))
		}
		must(m.Receive(part))
		if got := outcome(t, m.Output()); got != "reset 1 FLOW_CONTROL_ERROR" || w.bodies[1].Len() != streamWindow {
			t.Errorf("%q after %d bytes", got, w.bodies[1].Len())
		}
	})
}

// TestLeave: requests under way when the end is announced are served, later ones
// are not, and the client can tell which.
func TestLeave(t *testing.T) {
	w, m := settled()
	must(m.Receive(frame(frameHeaders, ends, 1, get)))
	m.Leave(false)
	must(m.Receive(frame(frameHeaders, ends, 3, get)))
	m.Leave(true)
	must(m.Receive(frame(frameHeaders, ends, 5, get)))
	if got, want := outcome(t, m.Output()), fmt.Sprintf("goaway %d NO_ERROR goaway 3 NO_ERROR", maxStream); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(w.log) != 2 || !m.Left() || m.Opens() {
		t.Error(w.said())
	}
	must(m.Receive(frame(frameGoAway, 0, 0, u32(0)+u32(0)))) // the client leaves as well
	if w.log[2] != "goaway 0 NO_ERROR" {
		t.Error(w.said())
	}
}

// exchange carries output from one machine to the other, in pieces.
func exchange(t *rapid.T, a, b *Machine) {
	for len(a.Output()) > 0 || len(b.Output()) > 0 {
		for _, d := range []struct{ from, to *Machine }{{a, b}, {b, a}} {
			for out := d.from.Swap(nil); len(out) > 0; {
				n := rapid.IntRange(1, len(out)).Draw(t, "piece")
				if err := d.to.Receive(out[:n]); err != nil {
					t.Fatalf("%v", err)
				}
				out = out[n:]
			}
		}
	}
}

// TestTwoMachines: whatever bodies two machines send each other, and in whatever
// pieces, they arrive whole, in order, and both forget the streams.
func TestTwoMachines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cw, sw := newWitness(), newWitness()
		cw.m, sw.m = NewClient(cw), NewServer(sw, 10)
		exchange(t, cw.m, sw.m)
		n := rapid.IntRange(1, 5).Draw(t, "streams")
		sent := map[*Stream]string{}
		for i := range n {
			s := cw.m.Open()
			if s == nil {
				t.Fatal("no stream")
			}
			cw.m.Field(":method", "POST", false)
			cw.m.Field(":path", fmt.Sprintf("/%d", i), false)
			cw.m.Field("x-long", strings.Repeat("v", rapid.IntRange(0, 30_000).Draw(t, "field")), false)
			cw.m.Headers(s, false)
			sent[s] = strings.Repeat(string(rune('a'+i)), rapid.IntRange(0, 300_000).Draw(t, "body"))
		}
		left := map[*Stream]string{}
		for s, b := range sent {
			left[s] = b
		}
		for len(left) > 0 {
			for s, b := range left {
				k := cw.m.Data(s, []byte(b), true)
				if left[s] = b[k:]; left[s] == "" {
					delete(left, s)
				}
			}
			exchange(t, cw.m, sw.m)
		}
		for s, b := range sent {
			if got := sw.bodies[s.ID]; got != nil && got.String() != b || got == nil && b != "" || !sw.ended[s.ID] {
				t.Fatalf("stream %d: %d bytes arrived, ended %v", s.ID, got.Len(), sw.ended[s.ID])
			}
		}
		for _, s := range sw.m.All() {
			sw.m.Field(":status", "200", false)
			sw.m.Headers(s, false)
			sw.m.Field("trailer", "1", false)
			sw.m.Headers(s, true)
		}
		exchange(t, cw.m, sw.m)
		if cw.m.Streams() != 0 || sw.m.Streams() != 0 {
			t.Fatalf("%d and %d streams are left", cw.m.Streams(), sw.m.Streams())
		}
	})
}

// TestResponses holds what only a client meets.
func TestResponses(t *testing.T) {
	client := func() (*witness, *Machine, *Stream) {
		w := newWitness()
		w.m = NewClient(w)
		must(w.m.Receive(settings()))
		s := w.m.Open()
		w.m.Field(":method", "GET", false)
		w.m.Headers(s, true)
		w.m.Swap(nil)
		return w, w.m, s
	}
	ok := block(":status=200 content-length=3")
	for _, c := range []struct {
		name string
		send []byte
		log  string
		want string
	}{
		{"interim", bytes.Join([][]byte{frame(frameHeaders, flagEndHeaders, 1, block(":status=103")), frame(frameHeaders, ends, 1, block(":status=204"))}, nil), "headers 1 end=false :status=103\nheaders 1 end=true :status=204", ""},
		{"HEAD has a length and no body", frame(frameHeaders, ends, 1, ok), "headers 1 end=true :status=200 content-length=3", ""},
		{"a body", append(frame(frameHeaders, flagEndHeaders, 1, ok), frame(frameData, flagEndStream, 1, "abc")...), "headers 1 end=false :status=200 content-length=3\ndata 1 \"abc\" end=true", ""},
		{"too short", append(frame(frameHeaders, flagEndHeaders, 1, ok), frame(frameData, flagEndStream, 1, "ab")...), "headers 1 end=false :status=200 content-length=3\nreset 1 PROTOCOL_ERROR", "reset 1 PROTOCOL_ERROR"},
		{"interim that ends", frame(frameHeaders, ends, 1, block(":status=103")), "reset 1 PROTOCOL_ERROR", "reset 1 PROTOCOL_ERROR"},
		{"a body before the head", frame(frameData, 0, 1, "x"), "reset 1 PROTOCOL_ERROR", "reset 1 PROTOCOL_ERROR"},
		{"a stream of the server's", frame(frameHeaders, ends, 2, ok), "", "goaway 0 PROTOCOL_ERROR"},
		{"a push", frame(framePush, flagEndHeaders, 1, u32(2)+get), "", "goaway 0 PROTOCOL_ERROR"},
		{"refused", frame(frameReset, 0, 1, u32(7)), "reset 1 REFUSED_STREAM", ""},
	} {
		w, m, _ := client()
		_ = m.Receive(c.send)
		if got := outcome(t, m.Output()); got != c.want || w.said() != c.log {
			t.Errorf("%s: got %q and\n%s\nwant %q", c.name, got, w.said(), c.want)
		}
	}
	_, m, s := client()
	m.Reset(s, CodeCancel)
	must(m.Receive(frame(frameHeaders, ends, 1, ok))) // crosses the reset
	if got := outcome(t, m.Output()); got != "reset 1 CANCEL" {
		t.Error(got)
	}
	must(m.Receive(frame(frameGoAway, 0, 0, u32(1)+u32(0))))
	if m.Open() != nil || m.Opens() {
		t.Error("a stream on a connection that is going away")
	}
}

// FuzzServer: no bytes of a client crash a server or make it hold much, and
// another implementation can read what it says.
func FuzzServer(f *testing.F) {
	f.Add(frame(frameHeaders, ends, 1, get))
	f.Add(append(frame(frameHeaders, flagEndHeaders, 1, post), frame(frameData, flagEndStream|flagPadded, 1, "\x00abcd")...))
	f.Add(append(frame(frameHeaders, flagEndStream, 1, get[:3]), frame(frameContinuation, flagEndHeaders, 1, get[3:])...))
	f.Add(settings(setWindow, 5, setTableSize, 0, setFrame, 20000))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, m := settled()
		w.hold = true
		_ = m.Receive(b)
		for _, s := range m.All() {
			m.Field(":status", "200", false)
			m.Headers(s, false)
			m.Data(s, make([]byte, 100_000), true)
		}
		if len(m.in) > maxFrame+headerLen || len(m.block.bytes) > maxBlock || m.Streams() > 10 {
			t.Fatalf("holds %d, %d, %d streams", len(m.in), len(m.block.bytes), m.Streams())
		}
		held := 0
		for _, body := range w.bodies {
			held += body.Len()
		}
		if held > connWindow {
			t.Fatalf("%d bytes of bodies", held)
		}
		outcome(t, m.Output())
	})
}
