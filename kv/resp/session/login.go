package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
)

const (
	errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPass    = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errHelloNoAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
		"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the " +
		"RESP protocol version at the same time"
)

// Auth is AUTH [user] password.
func (s *Session) Auth(args [][]byte) {
	switch {
	case len(args) > 3:
		s.Fail(reply.ErrSyntax)
	case len(args) == 2 && s.srv.secret == "":
		s.Fail(errNoPass)
	case len(args) == 2 && s.login([]byte("default"), args[1]):
		s.OK()
	case len(args) == 3 && s.login(args[1], args[2]):
		s.OK()
	default:
		s.Fail(errWrongPass)
	}
}

// login checks name and password; the time it takes depends on neither.
func (s *Session) login(user, password []byte) bool {
	got := sha256.Sum256(password)
	right := subtle.ConstantTimeCompare(got[:], s.srv.digest[:]) == 1
	if string(user) != "default" || (!right && s.srv.secret != "") {
		s.srv.tell(s)
		return false
	}
	s.admit(true)
	return true
}

// Hello is HELLO [version [AUTH user password] [SETNAME name]].
func (s *Session) Hello(args [][]byte) {
	proto := s.Proto
	if len(args) > 1 {
		v, err := strconv.ParseInt(string(args[1]), 10, 64)
		switch {
		case err != nil:
			s.Fail("ERR Protocol version is not an integer or out of range")
			return
		case v < resp.RESP2 || v > resp.RESP3:
			s.Fail("NOPROTO unsupported protocol version")
			return
		}
		proto = uint8(v)
	}
	var user, password, name []byte
	for i := 2; i < len(args); i++ {
		left := len(args) - 1 - i
		switch option := strings.ToUpper(string(args[i])); {
		case option == "AUTH" && left >= 2:
			user, password = args[i+1], args[i+2]
			i += 2
		case option == "SETNAME" && left >= 1:
			name = args[i+1]
			i++
		default:
			s.Fail("ERR Syntax error in HELLO option '" + reply.Cut(args[i]) + "'")
			return
		}
	}
	switch {
	case user != nil && !s.login(user, password):
		s.Fail(errWrongPass)
	case !s.Authed:
		s.Fail(errHelloNoAuth)
	case name != nil && !validName(name):
		s.Fail(errBadName)
	default:
		if name != nil {
			s.Name = string(name)
		}
		s.Proto = proto
		s.hello()
	}
}

func (s *Session) hello() {
	fields := 6
	if s.srv.role != nil {
		fields++
	}
	s.Map(fields)
	s.Bulk("server")
	s.Bulk("redis")
	s.Bulk("version")
	s.Bulk(resp.RedisVersion)
	s.Bulk("proto")
	s.Int(int64(s.Proto))
	s.Bulk("id")
	s.Int(s.ID)
	s.Bulk("mode")
	s.Bulk(s.srv.mode)
	if s.srv.role != nil {
		s.Bulk("role")
		s.Bulk(s.srv.role())
	}
	s.Bulk("modules")
	s.Array(0)
}

// Redact returns the words of a call as others may see them: without passwords.
func Redact(name string, args [][]byte) [][]byte {
	var hide func(i int) bool
	switch name {
	case "auth":
		hide = func(i int) bool { return i > 0 }
	case "hello":
		hide = func(i int) bool {
			return i > 1 && strings.EqualFold(string(args[i-1]), "AUTH") || i > 2 && strings.EqualFold(string(args[i-2]), "AUTH")
		}
	default:
		return args
	}
	shown := make([][]byte, len(args))
	for i, a := range args {
		if shown[i] = a; hide(i) {
			shown[i] = []byte("(redacted)")
		}
	}
	return shown
}
