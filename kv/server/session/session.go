package session

import (
	"crypto/sha256"
	"log/slog"
	"strconv"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/server/reply"
)

// Config is shared by all sessions of one server.
type Config struct {
	secret string
	digest [sha256.Size]byte // gives passwords one length, so that comparing them takes one time
	log    *slog.Logger
	leads  func() bool
}

// NewConfig returns a Config. secret is the password of the user default, empty
// if none is asked for; leads tells whether this node does.
func NewConfig(secret string, log *slog.Logger, leads func() bool) *Config {
	return &Config{secret: secret, digest: sha256.Sum256([]byte(secret)), log: log, leads: leads}
}

// Session belongs to the goroutine that runs its connection. Create it with New.
type Session struct {
	reply.Writer
	cfg *Config

	ID   int64
	Addr string // of the client, host:port

	DB       uint8
	Authed   bool
	ReadOnly bool // READONLY: reads from this node's own data
	NoEvict  bool
	NoTouch  bool
	Mode     ReplyMode
	Name     string
	Lib      [2]string // name and version (CLIENT SETINFO)
	User     string

	// Admitted, unless nil, hears when the client has logged in or out.
	Admitted func(authed bool)
}

// New returns the session of a connection that has just begun.
func New(cfg *Config, id int64, addr string) Session {
	return Session{
		Writer: reply.Writer{Proto: resp.RESP2}, cfg: cfg, ID: id, Addr: addr,
		Authed: cfg.secret == "", User: "default",
	}
}

// Reset brings the session back to how it began (Redis command RESET).
func (s *Session) Reset() {
	s.Mode, s.ReadOnly, s.DB, s.Name = ReplyOn, false, 0, ""
	s.NoEvict, s.NoTouch = false, false
	s.Proto = resp.RESP2
	s.admit(s.cfg.secret == "")
}

func (s *Session) admit(yes bool) {
	s.Authed = yes
	if s.Admitted != nil {
		s.Admitted(yes)
	}
}

// Select is SELECT index.
func (s *Session) Select(args [][]byte) {
	db, ok := ParseDB(args[1])
	switch {
	case ok:
		s.DB = db
		s.OK()
	case isInt(args[1]):
		s.Fail("ERR DB index is out of range")
	default:
		s.Fail(reply.ErrNotInt)
	}
}

// ParseDB reads the number of a database.
func ParseDB(b []byte) (uint8, bool) {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n >= engine.Databases {
		return 0, false
	}
	return uint8(n), true
}

func isInt(b []byte) bool {
	_, err := strconv.ParseInt(string(b), 10, 32)
	return err == nil
}

// SetReadOnly is READONLY and READWRITE.
func (s *Session) SetReadOnly(yes bool) {
	s.ReadOnly = yes
	s.OK()
}

// ReplyMode is what CLIENT REPLY asked for.
type ReplyMode uint8

// The modes.
const (
	ReplyOn ReplyMode = iota
	ReplyOff
	ReplySkip     // the next command gives no reply
	ReplySkipping // the current one gives none
)
