package form

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
)

// begin returns the node's attempt with these founders: the one it has already
// made, or a new one.
func (f *Former) begin(list []Founder) (*Attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.promised; p != nil {
		ours := p.Initiator.Instance == f.self.Instance
		if ours && slices.Equal(p.Founders, list) {
			return p, nil
		}
		if !ours {
			return nil, fmt.Errorf("this node has promised to form a cluster with node %s", p.Initiator.Name)
		}
	}
	f.attempts++
	if err := f.node.SetFact("attempts", f.attempts); err != nil {
		return nil, err
	}
	a := &Attempt{Initiator: f.self, Number: f.attempts, Cluster: newClusterID(), Founders: list}
	return a, f.hold(a)
}

func (f *Former) hold(a *Attempt) error {
	if err := f.node.SetFact("promise", a); err != nil {
		return err
	}
	f.promised = a
	return nil
}

// Promise answers an initiator's request: true when the node now holds this
// promise.
func (f *Former) Promise(ctx context.Context, a Attempt) (bool, error) {
	granted, holder, err := f.grant(&a)
	if granted || err != nil || holder == nil {
		return granted, err
	}
	// Somebody else has the promise. Ask whether it is still wanted.
	ask, cancel := context.WithTimeout(ctx, formWait)
	defer cancel()
	if stands, err := f.node.Standing(ask, holder.Initiator, holder.Number); err != nil || stands {
		return false, err
	}
	f.mu.Lock()
	if f.fact.ID == "" && f.promised != nil && f.promised.is(holder) {
		err = f.hold(nil)
	}
	f.mu.Unlock()
	if err != nil {
		return false, err
	}
	granted, _, err = f.grant(&a)
	return granted, err
}

// grant gives the promise if it is free, or returns who has it.
func (f *Former) grant(a *Attempt) (bool, *Attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact.ID != "" {
		return false, nil, errors.New("node already belongs to a cluster")
	}
	p := f.promised
	switch {
	case p == nil, p.is(a):
	case p.Initiator.Instance == a.Initiator.Instance:
		if p.Number > a.Number {
			return false, nil, errors.New("attempt is out of date")
		}
	case p.Initiator.Instance == f.self.Instance && a.Initiator.Name < f.self.Name:
		// A node with a lower name has come: this one's own attempt no longer stands.
	default:
		return false, p, nil
	}
	return true, nil, f.hold(a)
}

// Standing tells a node whether this node's attempt of that number still stands.
func (f *Former) Standing(_ context.Context, number uint64) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact.ID != "" {
		return true, nil
	}
	p := f.promised
	return p != nil && p.Initiator.Instance == f.self.Instance && p.Number == number, nil
}

func newClusterID() string { return rand.Text() }
