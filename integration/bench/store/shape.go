package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// shape is how a load looks: clients, and commands that each sends at once.
type shape struct {
	clients, pipeline int
}

// errShape is returned for a text that is no shape.
var errShape = errors.New("want CLIENTS or CLIENTSxPIPELINE, such as 50 or 50x16")

// UnmarshalText reads "50" or "50x16".
func (s *shape) UnmarshalText(text []byte) error {
	clients, pipeline, piped := strings.Cut(string(text), "x")
	s.pipeline = 1
	var err, pipeErr error
	s.clients, err = strconv.Atoi(clients)
	if piped {
		s.pipeline, pipeErr = strconv.Atoi(pipeline)
	}
	const most = 10_000 // connections and memory stay bounded on any machine
	if err != nil || pipeErr != nil || s.clients < 1 || s.pipeline < 1 || s.clients*s.pipeline > most {
		return fmt.Errorf("shape %q: %w", text, errShape)
	}
	return nil
}

// String is the text that UnmarshalText reads.
func (s shape) String() string {
	if s.pipeline == 1 {
		return strconv.Itoa(s.clients)
	}
	return fmt.Sprintf("%dx%d", s.clients, s.pipeline)
}
