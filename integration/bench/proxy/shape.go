package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/integration/procs/peers"
)

// shape is one way to load a proxy: a kind, and how many clients.
type shape struct {
	kind    string
	clients int
}

// The kinds of shapes.
const (
	shapeGet   = "get"   // small answers over kept connections
	shapeLarge = "large" // answers of 64 KiB
	shapePost  = "post"  // requests of 16 KiB
	shapeNew   = "new"   // a connection for each request
	shapeTLS   = "tls"   // small answers over kept connections, in TLS
	shapeIdle  = "idle"  // clients that connect and say nothing
	shapeSlow  = "slow"  // 64 quick clients beside those who never finish a head
)

var shapeKinds = []string{shapeGet, shapeLarge, shapePost, shapeNew, shapeTLS, shapeIdle, shapeSlow}

// mostIdle keeps the clients' descriptors within what most machines allow.
const mostIdle = 15_000

// UnmarshalText reads "get:64".
func (s *shape) UnmarshalText(text []byte) error {
	kind, number, ok := strings.Cut(string(text), ":")
	n, err := strconv.Atoi(number)
	most := 2_000
	if kind == shapeIdle || kind == shapeSlow {
		most = mostIdle
	}
	if !ok || err != nil || n < 1 || n > most || !slices.Contains(shapeKinds, kind) {
		return fmt.Errorf("shape %q: want KIND:CLIENTS with a kind of %s, such as get:64", text, strings.Join(shapeKinds, ", "))
	}
	s.kind, s.clients = kind, n
	return nil
}

// String is the text that UnmarshalText reads.
func (s shape) String() string { return s.kind + ":" + strconv.Itoa(s.clients) }

// postSize fits into the buffers of every proxy here.
const postSize = 15 << 10

// load returns what wrk sends for s; dir is where its script may lie.
func (s shape) load(dir string, d time.Duration) (wrkLoad, error) {
	l := wrkLoad{clients: s.clients, time: d, path: "/"}
	switch s.kind {
	case shapeLarge:
		l.path = peers.LargePath
	case shapeNew:
		l.headers = []string{"Connection: close"}
	case shapeTLS:
		l.secure = true
	case shapePost:
		l.script = filepath.Join(dir, "post.lua")
		text := fmt.Sprintf("wrk.method = %q\nwrk.body = string.rep(\"x\", %d)\n", "POST", postSize)
		if err := os.WriteFile(l.script, []byte(text), 0o600); err != nil {
			return l, fmt.Errorf("write script for wrk: %w", err)
		}
	}
	return l, nil
}
