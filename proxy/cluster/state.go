package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/proxy/health"
)

// Keys; see the package comment.
const (
	Prefix        = "/pingd/proxy/"
	statePrefix   = Prefix + "state/"
	serversPrefix = Prefix + "servers/"
	ticketsKey    = Prefix + "tickets"
	RatePrefix    = "/pingd/rate/"
)

const (
	// stateLife is how long a state outlives its proxy.
	stateLife = 10 * time.Minute
	// renewEvery is how often a proxy says that it is still there, voteLife for how
	// long its vote counts.
	renewEvery = 3 * time.Second
	voteLife   = 3*renewEvery + time.Second

	// maxDown is how many servers a state names at most. With more down at once the
	// fault is rather the proxy's own.
	maxDown = 1000
)

// State is what one proxy tells of the servers that it checks.
type State struct {
	// Services are those whose servers it checks: it has a vote about each of them.
	// A proxy that has stopped has none.
	Services []string `json:"services"`
	// Down are the servers that it found down, by service.
	Down map[string][]string `json:"down,omitempty"`
	// Beat changes each time that it is told.
	Beat int64 `json:"beat"`
}

// Encode returns s as ParseState reads it.
func (s State) Encode() string {
	left := maxDown
	for service, names := range s.Down {
		s.Down[service] = names[:min(len(names), left)]
		left -= len(s.Down[service])
	}
	text, _ := json.Marshal(s) // nothing in it that cannot be
	return string(text)
}

// ParseState reads what Encode wrote.
func ParseState(text string) (s State, err error) {
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return State{}, fmt.Errorf("read a proxy's state: %w", err)
	}
	return s, nil
}

// Tally counts the votes of others about servers.
type Tally struct {
	voters map[string]int            // by service
	down   map[string]map[string]int // by service and server
}

// Count adds up states, those of proxies that are alive.
func Count(states []State) Tally {
	t := Tally{voters: map[string]int{}, down: map[string]map[string]int{}}
	for _, s := range states {
		for _, service := range s.Services {
			t.voters[service]++
			for _, name := range s.Down[service] {
				if t.down[service] == nil {
					t.down[service] = map[string]int{}
				}
				t.down[service][name]++
			}
		}
	}
	return t
}

// Votes returns the votes about a server of a service.
func (t Tally) Votes(service, server string) health.Votes {
	return health.Votes{Others: t.voters[service], Down: t.down[service][server]}
}

// Voters returns how many others have a vote about a service.
func (t Tally) Voters(service string) int { return t.voters[service] }

// roll is the proxies that have told of themselves. It is pure: time is handed in.
type roll struct {
	self  string
	seen  map[string]seen
	first bool // nothing has been read yet
}

type seen struct {
	text string
	at   time.Duration
	old  bool // it was there before this proxy was: it may be of one that is gone
}

// read takes in the states that are in the store now. It returns what this proxy
// itself told before it was started again, if it is the first time.
func (r *roll) read(values map[string]string, now time.Duration) (own State) {
	if r.seen == nil {
		r.seen, r.first = map[string]seen{}, true
	}
	for name := range r.seen {
		if _, there := values[name]; !there {
			delete(r.seen, name)
		}
	}
	for name, text := range values {
		if s, known := r.seen[name]; known && s.text == text {
			continue
		}
		if name == r.self {
			if r.first {
				own, _ = ParseState(text) // of another version: as if there were none
			}
			continue
		}
		r.seen[name] = seen{text, now, r.first}
	}
	r.first = false
	return own
}

// alive returns the states of proxies whose vote counts at now.
func (r *roll) alive(now time.Duration) (states []State) {
	for _, s := range r.seen {
		if now-s.at > voteLife {
			continue
		}
		if state, err := ParseState(s.text); err == nil {
			states = append(states, state)
		}
	}
	return states
}

// service and server are parts of a key: a service may hold slashes, a server may
// not, as its name is what follows the last one.
func serverKey(service, server string) string {
	return serversPrefix + service + "/" + strings.ReplaceAll(server, "/", "%2f")
}

// splitServerKey undoes serverKey, without the prefix.
func splitServerKey(rest string) (service, server string, ok bool) {
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return "", "", false
	}
	return rest[:i], strings.ReplaceAll(rest[i+1:], "%2f", "/"), true
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
