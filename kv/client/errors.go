package client

import (
	"errors"
	"fmt"
	"net"
)

// Errors of this package, for errors.Is. A command's own error reply is a
// *ReplyError.
var (
	// ErrAuth: the store asks for another password than Config.Secret.
	ErrAuth = errors.New("the store refused the password")
	// ErrUnavailable: no node took the command; it surely did not run.
	ErrUnavailable = errors.New("no store node took the command")
	// ErrUncertain: the command was sent and no node said what became of it.
	ErrUncertain = errors.New("outcome unknown")
)

// CallError is a command that could not be finished.
type CallError struct {
	Command string    // its name
	kind    error     // ErrUnavailable or ErrUncertain
	nodes   []failure // the last failure of each node that was tried
	cause   error     // why no further node was tried: context.DeadlineExceeded ...; may be nil
}

// failure is how a command failed at one node.
type failure struct {
	addr string
	err  error
}

// failed notes a failure. That time was up is noted only where nothing else is known:
// it hides why the tries before it failed.
func (e *CallError) failed(addr string, err error) {
	for i := range e.nodes {
		if e.nodes[i].addr == addr {
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				e.nodes[i].err = err
			}
			return
		}
	}
	e.nodes = append(e.nodes, failure{addr, err})
}

// Error implements error.
func (e *CallError) Error() string {
	s := e.Command + ": " + e.kind.Error()
	for i, f := range e.nodes {
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		s += sep + f.addr + ": " + f.err.Error()
	}
	if len(e.nodes) == 0 && e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap lets errors.Is find ErrUnavailable or ErrUncertain, the end of the
// context and the nodes' failures.
func (e *CallError) Unwrap() []error {
	list := []error{e.kind}
	if e.cause != nil {
		list = append(list, e.cause)
	}
	for _, f := range e.nodes {
		list = append(list, f.err)
	}
	return list
}

// Definite reports that the command surely did not run.
func (e *CallError) Definite() bool { return e.kind == ErrUnavailable }

// authError explains ErrAuth.
func authError(node string, secretGiven bool, err error) error {
	hint := "--secret-file=FILE with the store's password in it (or PINGD_SECRET)"
	if secretGiven {
		hint = "--secret-file must name a file with the same password as the store's own --secret-file"
	}
	return fmt.Errorf("%w: %s: %w\nhint: %s", ErrAuth, node, err, hint)
}

// ReplyError is an error reply of the command itself, such as WRONGTYPE.
type ReplyError struct {
	Command string // its name
	err     error  // of the library
}

// Error implements error.
func (e *ReplyError) Error() string { return e.Command + ": " + e.err.Error() }

// Unwrap returns the library's error.
func (e *ReplyError) Unwrap() error { return e.err }

// Definite reports that the command surely changed nothing: Redis commands that
// reply with an error do not.
func (e *ReplyError) Definite() bool { return true }
