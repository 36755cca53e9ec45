package linear

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what an operation on a Register does.
type Kind string

// The kinds.
const (
	Get  Kind = "get"  // answers the value, "" if there is none
	Set  Kind = "set"  // answers anything
	Del  Kind = "del"  // answers "1" if there was a value, else "0"
	Swap Kind = "swap" // sets if the value is Old; answers "1" if it did, else "0"
)

// Access is one operation on a Register.
type Access struct {
	Kind     Kind
	Arg, Old string
	answer   string
	outcome  Outcome
	client   int
	call     time.Duration
	done     time.Duration
}

// String returns the access as a failure shows it: who, what and the answer.
func (a Access) String() string {
	return fmt.Sprintf("client %d %s %q old %q: %q", a.client, a.Kind, a.Arg, a.Old, a.answer)
}

// Register is the history of a key that holds a string, or nothing.
type Register struct {
	start time.Time

	mu  sync.Mutex
	ops []Access
}

// NewRegister returns an empty history whose times count from start.
func NewRegister(start time.Time) *Register { return &Register{start: start} }

// Begin notes that an operation is about to be sent.
func (h *Register) Begin(client int, a Access) Access {
	a.client, a.call = client, now(h.start)
	return a
}

// End notes how an operation ended. answer counts if it was answered.
func (h *Register) End(a Access, o Outcome, answer string) {
	a.answer, a.outcome, a.done = answer, o, now(h.start)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, a)
}

// step applies one operation to a value. What came of one that is unknown follows from
// where it is in the order: behind all others it has not happened.
func step(state, in, _ any) (bool, any) {
	a, value := in.(Access), state.(string)
	known := a.outcome == Answered
	switch a.Kind {
	case Get:
		return a.answer == value, value
	case Set:
		return true, a.Arg
	case Del:
		return !known || (a.answer == "1") == (value != ""), ""
	case Swap:
		if known && a.answer != "1" {
			return true, value // the store may have changed its mind without need
		}
		if value != a.Old {
			return !known, value
		}
		return true, a.Arg
	}
	return false, value
}

// Check searches for an order of all operations that explains every answer, for no
// longer than patience. ok is false if there is none; decided is false if the time was
// too short.
func (h *Register) Check(patience time.Duration) (ok, decided bool) {
	model := porcupine.Model{Init: func() any { return "" }, Step: step}
	var ops []porcupine.Operation
	for _, a := range h.ops {
		op := porcupine.Operation{ClientId: a.client, Input: a, Call: int64(a.call), Return: int64(a.done)}
		switch {
		case a.outcome == Refused, a.outcome == Unknown && a.Kind == Get:
			continue
		case a.outcome == Unknown:
			op.Return = math.MaxInt64
		}
		ops = append(ops, op)
	}
	result := porcupine.CheckOperationsTimeout(model, ops, patience)
	return result != porcupine.Illegal, result != porcupine.Unknown
}

// Len returns the number of operations that have ended.
func (h *Register) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// Ops lists the operations for a report.
func (h *Register) Ops() []string {
	var list []string
	for _, a := range h.ops {
		list = append(list, fmt.Sprintf("%12s %12s %s (%s)", a.call, a.done, a, a.outcome))
	}
	return list
}
