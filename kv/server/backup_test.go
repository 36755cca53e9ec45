package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"pingd/kv/backup"
	"pingd/kv/engine/keyspace"
	"pingd/kv/replica"
	"pingd/kv/resp"
)

func TestBackupCommand(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.talk("SET a 1", "+OK\r\n")
	// A pipeline around it keeps its order.
	p.send("ECHO before\r\nPINGD BACKUP\r\nECHO after\r\n")
	p.want("$6\r\nbefore\r\n")
	s, err := resp.NewStreamReader(p.br)
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	head, _, err := backup.Read(s, func(keyspace.Stored) error { keys++; return nil })
	if err != nil || keys != 1 || head.Node != "n1" || head.Index != 7 {
		t.Errorf("%d keys, head %+v, %v", keys, head, err)
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		t.Fatal(err)
	}
	p.want("$5\r\nafter\r\n")
}

func TestBackupRefused(t *testing.T) {
	r := start(t, func(cfg *Config) { cfg.Secret = "s" })
	p := r.dial()
	p.talk("PINGD BACKUP", "-NOAUTH Authentication required.\r\n")
	p.talk("AUTH s", "+OK\r\n")
	p.talk("PINGD BACKUP NOW", "-ERR wrong number of arguments for 'pingd|backup' command\r\n")
	p.talk("MULTI", "+OK\r\n")
	p.talk("PINGD BACKUP", "-ERR Command not allowed inside a transaction\r\n")
	p.talk("DISCARD", "+OK\r\n")
	p.talk("HELLO 3", "")
	p.send("SUBSCRIBE c\r\nPINGD BACKUP\r\n")
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "-ERR PINGD BACKUP is not possible") {
			break
		}
	}
}

// failingStore gives backups that break off, or none.
type failingStore struct {
	*loneStore
	begin, read error
}

func (s *failingStore) Backup(context.Context, bool) (replica.Point, io.ReadCloser, error) {
	if s.begin != nil {
		return replica.Point{}, nil, s.begin
	}
	return replica.Point{}, io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), errorReader{s.read})), nil
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

// TestBackupBreaksOff: nobody can take half a backup for a whole one.
func TestBackupBreaksOff(t *testing.T) {
	store := &failingStore{loneStore: newLoneStore(), read: errors.New("disk says no")}
	r := start(t, func(cfg *Config) { cfg.Store = store })
	p := r.dial()
	p.send("PINGD BACKUP\r\n")
	s, err := resp.NewStreamReader(p.br)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, s); !errors.Is(err, io.ErrUnexpectedEOF) || n < 1<<20 {
		t.Errorf("read %d bytes, %v", n, err)
	}
	p.closed()

	store.begin = replica.ErrNoLeader
	p = r.dial()
	p.talk("PINGD BACKUP STALE", "-CLUSTERDOWN no leader was found in time: the command was not applied\r\n")
	p.talk("PING", "+PONG\r\n")
}

// TestBackupOfSlowReader: a client that stops reading is cut, and holds up neither
// others nor the stop.
func TestBackupOfSlowReader(t *testing.T) {
	endless := &endlessStore{loneStore: newLoneStore()}
	r := start(t, func(cfg *Config) { cfg.Store, cfg.WriteTimeout = endless, 100*time.Millisecond })
	slow := r.dial()
	slow.send("PINGD BACKUP\r\n")
	other := r.dial()
	other.talk("PING", "+PONG\r\n")
	wait(t, "the slow reader to be cut", func() bool { return r.clients.Count() == 1 })
}

// endlessStore has a backup without an end.
type endlessStore struct{ *loneStore }

func (s *endlessStore) Backup(context.Context, bool) (replica.Point, io.ReadCloser, error) {
	return replica.Point{}, io.NopCloser(zeros{}), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBackupEndsWithTheServer: a stop does not wait for a backup.
func TestBackupEndsWithTheServer(t *testing.T) {
	r := start(t, func(cfg *Config) { cfg.Store = &endlessStore{newLoneStore()} })
	p := r.dial()
	p.send("PINGD BACKUP\r\n")
	s, err := resp.NewStreamReader(p.br)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, s, 1<<20); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	if _, err := io.Copy(io.Discard, s); err == nil {
		t.Error("the backup ended as if it were whole")
	}
	<-stopped
}
