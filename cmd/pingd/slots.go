package main

import (
	"errors"
	"log/slog"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/slot"
	"pingd/kv/replica"
)

// inSlot claims a slot of the data directory and returns the settings of the node
// in it. done is to be called with what became of the node.
func inSlot(o config.Options, log *slog.Logger) (_ config.Options, done func(error) error, err error) {
	s, err := slot.Claim(o.Data)
	if err != nil {
		return o, nil, err
	}
	o.Name, o.Data = s.Name, s.Dir
	if s.Founder {
		o.Expect = 1 // itself; only if no cluster is to be seen at --join
	}
	log.Info("slot taken", "slot", s.Name, "founder", s.Founder)
	done = func(ended error) error {
		if !errors.Is(ended, replica.ErrRemoved) {
			return s.Release()
		}
		// The cluster went on without it for long: whoever comes next starts as a
		// new node instead of failing for ever.
		log.Warn("the cluster removed this node; its data is set aside", "slot", s.Name)
		return errors.Join(s.SetAside(), s.Release())
	}
	return o, done, nil
}
