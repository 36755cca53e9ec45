package session

import (
	"crypto/sha256"
	"log/slog"
	"sync/atomic"
	"time"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
)

// Server is what all sessions of one server have in common.
type Server struct {
	secret string
	digest [sha256.Size]byte // gives passwords one length, so that comparing them takes one time
	log    *slog.Logger
	mode   string
	role   func() string

	wrong atomic.Int64 // passwords that were wrong
	told  Seldom
}

// Wrong returns how many passwords were wrong so far.
func (s *Server) Wrong() int64 { return s.wrong.Load() }

// Seldom keeps those who do the same again and again from filling the log. It is safe
// for concurrent use.
type Seldom struct{ last atomic.Int64 }

// seldom is the time between two lines of a kind.
const seldom = time.Second

// May tells whether there was no line for a while.
func (s *Seldom) May() bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return now-last >= int64(seldom) && s.last.CompareAndSwap(last, now)
}

// tell counts a wrong password and logs it, unless that was done a moment ago.
func (s *Server) tell(from *Session) {
	if n := s.wrong.Add(1); s.told.May() {
		s.log.Warn("wrong password", "client", from.ID, "addr", from.Addr, "wrong_so_far", n)
	}
}

// NewServer returns a Server. secret is the password of the user default, empty if
// none is asked for; mode is what HELLO says of the server (standalone, sentinel),
// and role, unless nil, returns what it says of its role (master, replica).
func NewServer(secret string, log *slog.Logger, mode string, role func() string) *Server {
	return &Server{secret: secret, digest: sha256.Sum256([]byte(secret)), log: log, mode: mode, role: role}
}

// Session belongs to the goroutine that runs its connection. Create it with New.
type Session struct {
	reply.Writer
	srv *Server

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
func New(srv *Server, id int64, addr string) Session {
	return Session{
		Writer: reply.Writer{Proto: resp.RESP2}, srv: srv, ID: id, Addr: addr,
		Authed: srv.secret == "", User: "default",
	}
}

// Reset brings the session back to how it began (Redis command RESET).
func (s *Session) Reset() {
	s.Mode, s.ReadOnly, s.DB, s.Name = ReplyOn, false, 0, ""
	s.NoEvict, s.NoTouch = false, false
	s.Proto = resp.RESP2
	s.admit(s.srv.secret == "")
}

func (s *Session) admit(yes bool) {
	s.Authed = yes
	if s.Admitted != nil {
		s.Admitted(yes)
	}
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
