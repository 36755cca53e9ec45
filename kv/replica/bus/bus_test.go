package bus

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const within = 10 * time.Second

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	return ctx
}

// start runs a bus for the length of the test; it echoes requests of kind 1,
// fails those of kind 2 and never answers others.
func start(t testing.TB, id Identity, secret string, change ...func(*Config)) (*Bus, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Listener: ln, Secret: secret, Self: func() Identity { return id }, HandshakeTimeout: time.Second,
		Handler: func(_ context.Context, from Peer, kind byte, payload []byte, reply func(byte, []byte)) {
			switch kind {
			case 1:
				reply(StatusOK, append([]byte(from.Name+":"), payload...))
			case 2:
				reply(StatusError, []byte("no"))
			}
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	b := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// Serve's context is what Raft's dials use.
	return b, ln.Addr().String()
}

func TestHandshake(t *testing.T) {
	cases := []struct {
		name             string
		secret1, secret2 string
		cluster1         string
		purpose          Purpose
		want             error
	}{
		{"control without a cluster", "s", "s", "", Control, nil},
		{"control between clusters", "s", "s", "other", Control, nil},
		{"forward in one cluster", "s", "s", "c", Forward, nil},
		{"no secret on both sides", "", "", "c", Forward, nil},
		{"forward between clusters", "s", "s", "other", Forward, ErrCluster},
		{"forward without a cluster", "s", "s", "", Forward, ErrCluster},
		{"raft before raft runs", "s", "s", "c", Raft, ErrRefused},
		{"wrong secret", "s", "S", "c", Control, ErrSecret},
		{"only the listener has a secret", "", "s", "c", Control, ErrSecret},
		{"only the dialer has a secret", "s", "", "c", Control, ErrSecret},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b1, _ := start(t, Identity{c.cluster1, "one", "i1"}, c.secret1)
			_, addr := start(t, Identity{"c", "two", "i2"}, c.secret2)
			cl, err := b1.Connect(bounded(t), addr, c.purpose)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			defer cl.Close()
			if cl.Peer != (Identity{"c", "two", "i2"}) {
				t.Fatalf("peer %+v", cl.Peer)
			}
			got, err := cl.Call(bounded(t), 1, []byte("hello"))
			if err != nil || string(got) != "one:hello" {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

func TestProofsCannotBeReflected(t *testing.T) {
	// A stranger that sends back what it hears proves nothing.
	_, addr := start(t, Identity{"c", "n", "i"}, "secret")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	hello := append([]byte(magic), version, byte(Control))
	hello = appendNonce(appendIdentity(hello, Identity{"c", "x", "y"}))
	_, _ = c.Write(hello)
	answer := make([]byte, 1+3+len("cni")+nonceLen+32)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(answer[len(answer)-32:])
	var status [1]byte
	if _, err := io.ReadFull(c, status[:]); err == nil && status[0] == statusOK {
		t.Fatal("let in")
	}
}

func TestGarbageIsHungUpOn(t *testing.T) {
	b, addr := start(t, Identity{"c", "n", "i"}, "secret")
	noise := make([]byte, 1<<16)
	_, _ = rand.Read(noise)
	hello := append([]byte(magic), version, byte(Control))
	cases := map[string][]byte{
		"nothing":       nil,
		"one byte":      {'P'},
		"HTTP":          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"Redis":         []byte("*1\r\n$4\r\nPING\r\n"),
		"noise":         noise,
		"later version": append([]byte(magic), 200, 1),
		"no purpose":    append([]byte(magic), version, 77),
		"half a hello":  append(bytes.Clone(hello), 3, 'a', 'b'),
		"no proof":      appendNonce(appendIdentity(bytes.Clone(hello), Identity{"c", "n", "i"})),
		"noise as proof": append(
			appendNonce(appendIdentity(bytes.Clone(hello), Identity{"c", "n", "i"})), noise...),
	}
	for name, garbage := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(within))
			_, _ = c.Write(garbage)
			// The bus ends the connection by itself, at the latest by its time limit.
			if n, err := io.Copy(io.Discard, c); n > 512 || errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%d bytes, %v", n, err)
			}
		})
	}
	t.Cleanup(func() {
		if cl, err := b.Connect(bounded(t), addr, Control); err != nil {
			t.Errorf("the bus is no longer there: %v", err)
		} else {
			cl.Close()
		}
	})
}

func TestAFalseFrameLengthCostsNothing(t *testing.T) {
	head := putHead(nil, MaxFrame, 1, 1)
	n := testing.AllocsPerRun(10, func() {
		_, _, payload, err := readFrame(io.MultiReader(bytes.NewReader(head), strings.NewReader("few")), MaxFrame)
		if err == nil || len(payload) > 0 {
			t.Error("accepted")
		}
	})
	if n > 20 {
		t.Errorf("%v allocations", n)
	}
	if _, _, _, err := readFrame(bytes.NewReader(putHead(nil, MaxFrame+1, 1, 1)), MaxFrame); err == nil {
		t.Error("a frame beyond the limit was read")
	}
}

func TestManyCallsShareOneConnection(t *testing.T) {
	b, _ := start(t, Identity{"c", "one", "1"}, "s")
	_, addr := start(t, Identity{"c", "two", "2"}, "s")
	links := b.NewLinks(Control)
	defer links.Close()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				cl, err := links.Get(bounded(t), "two", addr)
				if err != nil {
					t.Error(err)
					return
				}
				text := fmt.Sprint(i, j)
				got, err := cl.Call(bounded(t), 1, []byte(text))
				if err != nil || string(got) != "one:"+text {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	cl, _ := links.Get(bounded(t), "two", addr)
	if _, err := cl.Call(bounded(t), 2, nil); err == nil || err.Error() != "no" {
		t.Errorf("error %v", err)
	}
	if links.Have(bounded(t), "two", addr) != cl {
		t.Error("another connection")
	}
	links.Drop("two", addr)
	<-cl.Done()
	if err := cl.Start(1, nil, func(byte, []byte, error) { t.Error("called") }); !errors.Is(err, ErrLost) {
		t.Errorf("error %v", err)
	}
}

func TestWhoeverTookANodesPlaceIsNotTakenForIt(t *testing.T) {
	b, _ := start(t, Identity{"c", "one", "1"}, "s")
	other, addr := start(t, Identity{"c", "two", "2"}, "s")
	links := b.NewLinks(Control)
	defer links.Close()
	if _, err := links.Get(bounded(t), "three", addr); !errors.Is(err, ErrOther) {
		t.Errorf("error %v", err)
	}
	if cl, err := links.Get(bounded(t), "", addr); err != nil || cl.Peer.Name != "two" {
		t.Errorf("anybody: %v", err)
	}
	s, in := b.Stream("one:1", 0), other.Stream("two:2", 0)
	got := make(chan error, 1)
	go func() { // the one that was refused is heard first
		for range 2 {
			c, err := in.Accept()
			if err != nil {
				got <- err
				return
			}
			_ = c.Close()
		}
		got <- nil
	}()
	if _, err := dialStream(s, Target("three", addr)); !errors.Is(err, ErrOther) {
		t.Errorf("error %v", err)
	}
	c, err := dialStream(s, Target("two", addr))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestALostConnectionEndsItsCalls(t *testing.T) {
	b, _ := start(t, Identity{"c", "one", "1"}, "s")
	peer, addr := start(t, Identity{"c", "two", "2"}, "s")
	cl, err := b.Connect(bounded(t), addr, Control)
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan error, 1)
	if err := cl.Start(3, nil, func(_ byte, _ []byte, err error) { lost <- err }); err != nil {
		t.Fatal(err)
	}
	for range maxCalls - 1 {
		if err := cl.Start(3, nil, func(byte, []byte, error) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.Start(3, nil, func(byte, []byte, error) {}); !errors.Is(err, ErrBusy) {
		t.Fatalf("error %v", err)
	}
	peer.Shut()
	if err := <-lost; !errors.Is(err, ErrLost) {
		t.Fatalf("error %v", err)
	}
}

// dialStream dials as soon as Serve has begun.
func dialStream(s raft.StreamLayer, to raft.ServerAddress) (net.Conn, error) {
	for {
		c, err := s.Dial(to, within)
		if !errors.Is(err, net.ErrClosed) {
			return c, err
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestRaftStreams(t *testing.T) {
	b1, _ := start(t, Identity{"c", "one", "1"}, "s")
	b2, addr := start(t, Identity{"c", "two", "2"}, "s")
	s1, s2 := b1.Stream("one:1", 0), b2.Stream("two:2", 0)
	if s2.Addr().String() != "two:2" || s2.Addr().Network() != "tcp" {
		t.Fatal(s2.Addr())
	}
	got := make(chan string, 1)
	go func() {
		c, err := s2.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		b, _ := io.ReadAll(c)
		_ = c.Close()
		got <- string(b)
	}()
	c, err := dialStream(s1, Target("two", addr))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte("entries"))
	_ = c.Close()
	if s := <-got; s != "entries" {
		t.Fatal(s)
	}
	_ = s2.Close()
	if _, err := s2.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

func TestRaftStreamsMayOpenLate(t *testing.T) {
	b1, _ := start(t, Identity{"c", "one", "1"}, "s")
	b2, addr := start(t, Identity{"c", "two", "2"}, "s")
	const wait = 300 * time.Millisecond
	began := time.Now()
	s1, s2 := b1.Stream("one:1", 0), b2.Stream("two:2", wait)
	refused := 0
	accepted := make(chan error, 1)
	go func() {
		c, err := s2.Accept()
		if err == nil {
			_ = c.Close()
		}
		accepted <- err
	}()
	for {
		c, err := dialStream(s1, Target("two", addr))
		if err == nil {
			_ = c.Close()
			break
		}
		if !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		refused++
		<-time.After(5 * time.Millisecond)
	}
	if took := time.Since(began); took < wait || refused == 0 {
		t.Errorf("let in after %v, refused %d times", took, refused)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
