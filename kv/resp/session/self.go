package session

import (
	"strings"

	"pingd/kv/resp/reply"
)

const errBadName = "ERR Client names cannot contain spaces, newlines or special characters."

// maxName bounds what a client may call itself, in bytes: CLIENT LIST shows it to
// all.
const maxName = 4096

func validName(name []byte) bool {
	for _, b := range name {
		if b < '!' || b > '~' {
			return false
		}
	}
	return len(name) <= maxName
}

// GetName is CLIENT GETNAME.
func (s *Session) GetName([][]byte) {
	if s.Name == "" {
		s.Null()
		return
	}
	s.Bulk(s.Name)
}

// SetName is CLIENT SETNAME name.
func (s *Session) SetName(args [][]byte) {
	if !validName(args[2]) {
		s.Fail(errBadName)
		return
	}
	s.Name = string(args[2])
	s.OK()
}

// SetInfo is CLIENT SETINFO LIB-NAME|LIB-VER value (Redis 7.2).
func (s *Session) SetInfo(args [][]byte) {
	at, ok := map[string]int{"LIB-NAME": 0, "LIB-VER": 1}[strings.ToUpper(string(args[2]))]
	switch {
	case !ok:
		s.Fail("ERR Unrecognized option '" + reply.Cut(args[2]) + "'")
	case !validName(args[3]):
		s.Fail("ERR " + strings.ToLower(string(args[2])) + " cannot contain spaces, newlines or special characters.")
	default:
		s.Lib[at] = string(args[3])
		s.OK()
	}
}

// SetNoEvict and SetNoTouch are CLIENT NO-EVICT and NO-TOUCH on|off. Both accept
// what they are told and show it: nothing is evicted here, and no key remembers
// when it was read.
func (s *Session) SetNoEvict(args [][]byte) { s.onOff(args[2], &s.NoEvict) }

// SetNoTouch is described at SetNoEvict.
func (s *Session) SetNoTouch(args [][]byte) { s.onOff(args[2], &s.NoTouch) }

func (s *Session) onOff(arg []byte, set *bool) {
	switch strings.ToUpper(string(arg)) {
	case "ON":
		*set = true
	case "OFF":
		*set = false
	default:
		s.Fail(reply.ErrSyntax)
		return
	}
	s.OK()
}

// SetReply is CLIENT REPLY ON|OFF|SKIP.
func (s *Session) SetReply(args [][]byte) {
	switch strings.ToUpper(string(args[2])) {
	case "ON":
		s.Mode = ReplyOn
		s.OK()
	case "OFF":
		s.Mode = ReplyOff
	case "SKIP":
		if s.Mode != ReplyOff {
			s.Mode = ReplySkip
		}
	default:
		s.Fail(reply.ErrSyntax)
	}
}
