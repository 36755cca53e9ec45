package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pingd/kv/backup"
	"pingd/kv/client"
	"pingd/kv/engine/keyspace"
)

// nobody is where no program listens.
const nobody = "127.99.99.99:1"

// script answers each connection with the same bytes once it has read a line, and
// closes it.
func script(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func newClient(t *testing.T, secret string, addrs ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addrs: addrs, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestBackupStream(t *testing.T) {
	ctx := t.Context()
	good := script(t, "$?\r\n;5\r\nHello\r\n;0\r\n")
	refused := script(t, "-ERR unknown command 'PINGD'\r\n")
	c := newClient(t, "", nobody, good)
	rc, err := c.Backup(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(rc); string(b) != "Hello" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	if err := rc.Close(); err != nil {
		t.Error(err)
	}

	rc, err = newClient(t, "", script(t, "$?\r\n;5\r\nHel")).Backup(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(rc); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "broke the backup off") {
		t.Errorf("a backup that breaks off: %v", err)
	}
	_ = rc.Close()

	var reply *client.ReplyError
	if _, err := newClient(t, "", refused, good).Backup(ctx, false); !errors.As(err, &reply) {
		t.Errorf("a server that knows no backups: %v", err)
	}
	if _, err := newClient(t, "", script(t, "-NOAUTH Authentication required.\r\n")).Backup(ctx, false); !errors.Is(err, client.ErrAuth) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := newClient(t, "wrong", script(t, "-WRONGPASS no\r\n")).Backup(ctx, false); !errors.Is(err, client.ErrAuth) {
		t.Errorf("with a wrong password: %v", err)
	}
	_, err = newClient(t, "", nobody, script(t, "-CLUSTERDOWN no leader\r\n"), script(t, "+OK\r\n")).Backup(ctx, false)
	if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "CLUSTERDOWN no leader") {
		t.Errorf("nobody has one: %v", err)
	}
}

// TestBackupEndsWithItsContext, also while a node says nothing.
func TestBackupEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections for it
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newClient(t, "", ln.Addr().String()).Backup(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestLoadAndBackupOfARealStore: every node gives the same data, and a payload that
// is sent twice is applied once.
func TestLoadAndBackupOfARealStore(t *testing.T) {
	nodes := startStore(t, 3)
	leaderAmong(t, nodes)
	c := newClient(t, "", nodes[0].redis)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// "s" = "ab" in two parts.
	payload := []byte("\x01k\x01\x01s\x00\x01am\x01\x01s\x01b")
	for range 2 {
		got, err := c.Load(ctx, "token", payload)
		if err != nil || got != (client.Loaded{Set: 1}) {
			t.Fatalf("Load: %+v, %v", got, err)
		}
	}
	if v, err := c.Do(ctx, "GET", "s"); v != "ab" || err != nil {
		t.Errorf("GET s = %v, %v", v, err)
	}
	if _, err := c.Load(ctx, "other", []byte("?")); err == nil || !strings.Contains(err.Error(), "malformed bulk payload") {
		t.Errorf("a malformed payload: %v", err)
	}
	if sizes, err := c.Sizes(ctx); err != nil || len(sizes) != 16 || sizes[0] != 1 {
		t.Errorf("sizes %v, %v", sizes, err)
	}
	for _, words := range [][]any{{"SET", "/lease/a", "1", "PX", "60000"}, {"SET", "/lease/b", "1"}} {
		if _, err := c.Do(ctx, words...); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Leased(ctx, "/lease/", "/none/"); fmt.Sprint(got) != "[/lease/a]" || err != nil {
		t.Errorf("leased %v, %v", got, err)
	}
	var first string
	for _, n := range nodes {
		rc, err := newClient(t, "", n.redis).Backup(ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		head, _, err := backup.Read(rc, func(k keyspace.Stored) error {
			keys = append(keys, fmt.Sprintf("%d %q %d %q", k.DB, k.Name, k.ExpireAt, k.Value.Append(nil)))
			return nil
		})
		_ = rc.Close()
		if err != nil || head.Node != n.name {
			t.Fatalf("%s: head %+v, %v", n.name, head, err)
		}
		if first == "" {
			first = fmt.Sprint(keys)
		}
		if len(keys) != 3 || fmt.Sprint(keys) != first {
			t.Errorf("%s has %v, %s has %s", n.name, keys, nodes[0].name, first)
		}
	}
}
