package rdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen is what a file held, for comparing: a line for each key.
type seen struct {
	lines []string
	now   strings.Builder
	kinds map[Kind]int
}

func (s *seen) Key(k Key) error {
	if s.kinds == nil {
		s.kinds = map[Kind]int{}
	}
	s.kinds[k.Kind]++
	s.now.Reset()
	fmt.Fprintf(&s.now, "db%d %s %q", k.DB, k.Kind, k.Name)
	if k.ExpireAt != 0 {
		fmt.Fprintf(&s.now, " until %d", k.ExpireAt)
	}
	s.now.WriteString(":")
	return nil
}

func (s *seen) Part(a, b []byte) error {
	fmt.Fprintf(&s.now, " %q", a)
	if b != nil {
		fmt.Fprintf(&s.now, "=%q", b)
	}
	return nil
}

func (s *seen) End() error {
	s.lines = append(s.lines, s.now.String())
	return nil
}

// read walks a whole file and returns what it holds.
func read(t *testing.T, file []byte) (*seen, Info) {
	t.Helper()
	s := &seen{}
	info, err := Read(bytes.NewReader(file), s)
	if err != nil {
		t.Fatalf("read: %v (after %d keys)", err, len(s.lines))
	}
	return s, info
}

// file makes a file of that version out of its body, with a right checksum.
func file(version int, body ...[]byte) []byte {
	b := fmt.Appendf(nil, "REDIS%04d", version)
	if version >= minValkey {
		b = fmt.Appendf(nil, "VALKEY%03d", version)
	}
	b = append(append(b, bytes.Join(body, nil)...), opEOF)
	return binary.LittleEndian.AppendUint64(b, checksum(0, b))
}

// str is a string as a length and its bytes.
func str(s string) []byte { return append(appendLength(nil, uint64(len(s))), s...) }

// server is a redis-server of the test's own.
type server struct {
	*redis.Client
	dir string
	cmd *exec.Cmd
}

// startRedis starts a redis-server that loads dump.rdb of dir if there is one.
func startRedis(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatal("install the Debian package redis-server")
		}
		t.Skip("install the Debian package redis-server")
	}
	// A socket in a short path: the kernel takes at most 107 bytes.
	short, err := os.MkdirTemp("", "rdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	sock := filepath.Join(short, "s")
	log := filepath.Join(short, "log")
	cmd := exec.Command(bin, append([]string{
		"--port", "0", "--unixsocket", sock, "--dir", dir, "--save", "", "--enable-debug-command", "yes", "--logfile", log,
	}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{redis.NewClient(&redis.Options{Network: "unix", Addr: sock, MaxRetries: -1, Protocol: 2}), dir, cmd}
	t.Cleanup(s.stop)
	for end := time.Now().Add(30 * time.Second); ; {
		err := s.Ping(context.Background()).Err()
		if err == nil {
			return s
		}
		if time.Now().After(end) || errors.Is(err, os.ErrPermission) {
			text, _ := os.ReadFile(log)
			t.Fatalf("redis-server does not answer: %v\n%s", err, text)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.Close()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// do runs a command of words and returns its reply.
func (s *server) do(t *testing.T, words ...any) any {
	t.Helper()
	reply, err := s.Do(context.Background(), words...).Result()
	if err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return reply
}

// dump has the server write its file, and returns it.
func (s *server) dump(t *testing.T) []byte {
	t.Helper()
	s.do(t, "SAVE")
	b, err := os.ReadFile(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
