package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Strangers who hold connections in their handshakes keep no node out.
func TestStrangersGiveWay(t *testing.T) {
	_, addr := start(t, Identity{"c", "n1", "i"}, "secret", func(c *Config) { c.HandshakeTimeout = time.Minute })
	var first net.Conn
	for i := range 2 * maxPending {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i == 0 {
			first = c
		}
		if i%2 == 0 {
			_, _ = c.Write([]byte(magic))
		}
	}
	b, _ := start(t, Identity{"c", "n2", "j"}, "secret")
	cl, err := b.Connect(bounded(t), addr, Forward)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	_ = first.SetDeadline(time.Now().Add(within))
	if n, err := io.Copy(io.Discard, first); n != 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the first stranger was told %d bytes, %v", n, err)
	}
	if got, err := cl.Call(bounded(t), 1, []byte("x")); string(got) != "n2:x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Who knows the secret announces lengths to Raft that never come, or nests without
// end: it costs nothing, and the others go on.
func TestFalseLengthsOfRaft(t *testing.T) {
	b, addr := start(t, Identity{"c", "n1", "i"}, "secret")
	tr := raft.NewNetworkTransport(b.Stream(addr, 0), 3, time.Second, io.Discard)
	defer tr.Close()
	answered := make(chan struct{})
	defer func() { <-answered }()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		defer close(answered)
		for {
			select {
			case rpc := <-tr.Consumer():
				rpc.Respond(nil, raft.ErrRaftShutdown)
			case <-ended:
				return
			}
		}
	}()
	peer, _ := start(t, Identity{"c", "n2", "j"}, "secret")
	for name, text := range falseLengths() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, _, err := peer.Dial(bounded(t), addr, Raft)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = c.SetDeadline(time.Now().Add(within))
		_, _ = c.Write(append(text, strings.Repeat("x", 1000)...))
		_ = c.(*tracked).Conn.(*net.TCPConn).CloseWrite()
		_, err = io.Copy(io.Discard, c)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: not hung up on", name)
		}
		c.Close()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 { // announced are 4 GiB
			t.Errorf("%s: %d bytes of memory", name, took)
		}
	}
}

// falseLengths are the beginnings of RPCs in msgpack.
func falseLengths() map[string][]byte {
	field := func(name string) []byte { return append([]byte{0x81, 0xa0 | byte(len(name))}, name...) }
	huge := func(kind byte) []byte { return binary.BigEndian.AppendUint32([]byte{kind}, 0xfffffff0) }
	cases := map[string][]byte{}
	for rpc, name := range []string{"append entries", "vote", "install snapshot", "timeout now", "pre-vote", "none"} {
		for what, body := range map[string][]byte{
			"map":       huge(0xdf),
			"array":     huge(0xdd),
			"name":      append([]byte{0x81}, huge(0xdb)...),
			"leader":    append(field("Leader"), huge(0xc6)...),
			"candidate": append(field("Candidate"), huge(0xdb)...),
			"unknown":   append(field("Whatever"), huge(0xdd)...),
			"nested":    append(field("Whatever"), bytes.Repeat([]byte{0x91}, 1<<20)...),
			"entries":   append(field("Entries"), huge(0xdd)...),
			"entry":     append(append(append(field("Entries"), 0x91), field("Data")...), huge(0xc6)...),
		} {
			cases[name+": "+what] = append([]byte{byte(rpc)}, body...)
		}
	}
	return cases
}

// said is a connection on which the other side says what it says, without listening.
type said struct {
	net.Conn
	in   io.Reader
	read int
}

func (s *said) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.read += n
	return n, err
}
func (s *said) Write(p []byte) (int, error)     { return len(p), nil }
func (s *said) SetDeadline(time.Time) error     { return nil }
func (s *said) Close() error                    { return nil }
func (s *said) RemoteAddr() net.Addr            { return &net.TCPAddr{} }
func (s *said) SetReadDeadline(time.Time) error { return nil }

// mostHello is what a stranger may say before it is known.
const mostHello = helloMinimum + 3*(1+maxField) + nonceLen + sha256.Size

// FuzzWelcome: whatever a stranger says lets nobody in, and no more of it is read than
// a handshake is long.
func FuzzWelcome(f *testing.F) {
	hello := append([]byte(magic), version, byte(Control))
	hello = appendNonce(appendIdentity(hello, Identity{"c", "n", strings.Repeat("i", maxField)}))
	f.Add(hello)
	f.Add(append(hello, make([]byte, sha256.Size)...))
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
	f.Add([]byte(magic))
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"))
	self := Identity{"c", "n1", "x"}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &said{in: bytes.NewReader(b)}
		_, _, err := welcome(c, []byte("secret"), self, time.Time{}, func(Identity, Purpose) byte {
			t.Error("let in without the secret")
			return statusOK
		})
		if err == nil || c.read > mostHello {
			t.Errorf("%d bytes read, %v", c.read, err)
		}
		c = &said{in: bytes.NewReader(b)}
		if _, err := greet(c, []byte("secret"), self, Raft, time.Time{}); err == nil || c.read > mostHello+2 {
			t.Errorf("dialling: %d bytes read, %v", c.read, err)
		}
	})
}

// FuzzFrame: frames are what was written, or refused.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("payload"), uint64(1), byte(2))
	f.Add(putHead(nil, 5, 9, 1), uint64(1<<63), byte(255))
	f.Add(putHead(nil, 0xffffffff, 9, 1), uint64(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, number uint64, kind byte) {
		const limit = 1 << 16
		if _, _, payload, err := readFrame(bytes.NewReader(b), limit); err == nil && len(payload) > len(b) {
			t.Errorf("%d bytes of %d", len(payload), len(b))
		}
		n, k, payload, err := readFrame(io.MultiReader(bytes.NewReader(putHead(nil, len(b), number, kind)), bytes.NewReader(b)), limit)
		if (err == nil) != (len(b) <= limit) {
			t.Fatal(err)
		}
		if err == nil && (n != number || k != kind || !bytes.Equal(payload, b)) {
			t.Errorf("%d %d %q", n, k, payload)
		}
	})
}
