package cluster

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"pingd/proxy/cert"
	"pingd/proxy/health"
	"pingd/proxy/limit"
	"pingd/proxy/seal"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// Store is what proxies tell each other through. Its methods may be called by any
// goroutine.
type Store interface {
	// Watch calls fn with all keys that begin with prefix, at first and after each
	// change, until ctx ends. While the store is not there fn is not called.
	Watch(ctx context.Context, prefix string, fn func(map[string]string)) error
	// Set sets a key for life; 0 is for ever.
	Set(ctx context.Context, key, value string, life time.Duration) error
	// Add is Set for a key that is not there, and reports whether it was not.
	Add(ctx context.Context, key, value string, life time.Duration) (added bool, err error)
	// Delete removes a key.
	Delete(ctx context.Context, key string) error
}

// ErrNoStore is returned where a store is needed and there is none.
var ErrNoStore = errors.New("there is no store to keep it in")

// Config of a Sync. Name, Store and Sets are required.
type Config struct {
	// Name is this proxy's, unique among them.
	Name string
	// Store is what they share.
	Store Store
	// Sets are the services' servers, by the services' names.
	Sets map[string]*upstream.Set
	// Limit is how often clients may ask (nil: no limit). Every is how often it is
	// told of.
	Limit *limit.Table
	Every time.Duration
	// Tickets is given the keys of TLS sessions, at first and when they change (nil:
	// not needed).
	Tickets func(cert.TicketKeys)
	// Secret seals what must not be read (nil: it lies open).
	Secret []byte
	// Now is the time since any fixed start, as Limit is told it (nil: this process's
	// monotonic clock).
	Now func() time.Duration
	// Logger gets faults (nil: none).
	Logger *slog.Logger
}

// Sync keeps this proxy and the others in step. Make it with New.
type Sync struct {
	cfg  Config
	log  *slog.Logger
	box  *seal.Box
	told chan struct{} // this proxy's opinion has changed
	read chan struct{} // closed when what this proxy told before its restart has been read
	once sync.Once

	mu   sync.Mutex
	roll roll
	beat int64
	keys cert.TicketKeys

	decided map[string]string // by service and server
}

// New returns a Sync that does nothing before Run.
func New(cfg Config) (*Sync, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Duration { return time.Duration(wire.Now()) }
	}
	box, err := seal.New(cfg.Secret, "tickets")
	if err != nil {
		return nil, err
	}
	s := &Sync{cfg: cfg, log: cfg.Logger, box: box, told: make(chan struct{}, 1), read: make(chan struct{})}
	s.roll.self = cfg.Name
	return s, nil
}

// Opinion has this proxy's opinion told to the others soon. It does not block.
func (s *Sync) Opinion() {
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// Run shares until ctx ends, and then says that this proxy has no vote any more.
func (s *Sync) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx, statePrefix, s.states) })
	wg.Go(func() { s.watch(ctx, serversPrefix, s.decisions) })
	wg.Go(func() { s.tell(ctx) })
	if s.cfg.Tickets != nil {
		wg.Go(func() { s.watch(ctx, ticketsKey, s.tickets) })
		wg.Go(func() { s.rotate(ctx) })
	}
	if s.cfg.Limit != nil {
		last := map[string]int64{}
		wg.Go(func() { s.watch(ctx, RatePrefix, func(v map[string]string) { s.uses(v, last) }) })
		wg.Go(func() { s.report(ctx) })
	}
	wg.Wait()
}

// watch follows keys, which fn is given without the prefix.
func (s *Sync) watch(ctx context.Context, prefix string, fn func(map[string]string)) {
	err := s.cfg.Store.Watch(ctx, prefix, func(values map[string]string) {
		cut := make(map[string]string, len(values))
		for key, value := range values {
			cut[strings.TrimPrefix(key, prefix)] = value
		}
		fn(cut)
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("proxies are not in step any more", "prefix", prefix, "err", err)
	}
}

// patience bounds one write. A proxy serves as well without.
const patience = 2 * time.Second

func (s *Sync) set(ctx context.Context, key, value string, life time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.cfg.Store.Set(ctx, key, value, life); err != nil {
		s.log.Debug("not told to the other proxies", "key", key, "err", err)
	}
}

// tell tells this proxy's opinion, at once when it changes, and not before what it told
// last time has been read.
func (s *Sync) tell(ctx context.Context) {
	select {
	case <-s.read:
	case <-ctx.Done():
		return
	}
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		s.set(ctx, statePrefix+s.cfg.Name, s.state(true).Encode(), stateLife)
		s.count() // votes end with time as well
		select {
		case <-renew.C:
		case <-s.told:
		case <-daily.C:
			s.keepDecisions(ctx)
		case <-ctx.Done():
			s.set(context.WithoutCancel(ctx), statePrefix+s.cfg.Name, s.state(false).Encode(), stateLife)
			return
		}
	}
}

// state is what this proxy tells; serving tells that it votes.
func (s *Sync) state(serving bool) State {
	s.mu.Lock()
	s.beat++
	st := State{Beat: s.beat, Down: map[string][]string{}}
	s.mu.Unlock()
	for service, set := range s.cfg.Sets {
		if serving {
			st.Services = append(st.Services, service)
		}
		if down := set.Down(); len(down) > 0 {
			st.Down[service] = sorted(down)
		}
	}
	sorted(st.Services)
	return st
}

// states takes in what proxies tell.
func (s *Sync) states(values map[string]string) {
	s.mu.Lock()
	own := s.roll.read(values, s.cfg.Now())
	s.mu.Unlock()
	for service, names := range own.Down {
		if set := s.cfg.Sets[service]; set != nil {
			down := map[string]bool{}
			for _, n := range names {
				down[n] = true
			}
			set.Restore(down)
		}
	}
	s.once.Do(func() { close(s.read) })
	s.count()
}

// count applies the votes of the others.
func (s *Sync) count() {
	s.mu.Lock()
	states := s.roll.alive(s.cfg.Now())
	s.mu.Unlock()
	tally, alive := Count(states), len(states)
	for service, set := range s.cfg.Sets {
		set.Votes(func(server string) health.Votes { return tally.Votes(service, server) })
	}
	if s.cfg.Limit != nil {
		s.cfg.Limit.Share(s.cfg.Every, alive+1)
	}
}

// decisions takes in what operators decided.
func (s *Sync) decisions(values map[string]string) {
	s.mu.Lock()
	s.decided = values
	s.mu.Unlock()
	by, wrong := overrides(values)
	for key, err := range wrong {
		s.log.Warn("decision about a server left out", "key", key, "err", err)
	}
	for service, set := range s.cfg.Sets {
		set.Override(by[service])
	}
}

// keepDecisions has those about servers that are there last longer.
func (s *Sync) keepDecisions(ctx context.Context) {
	s.mu.Lock()
	decided := s.decided
	s.mu.Unlock()
	for rest, text := range decided {
		service, server, ok := splitServerKey(rest)
		if set := s.cfg.Sets[service]; ok && set != nil && set.Has(server) {
			s.set(ctx, serversPrefix+rest, text, overrideLife)
		}
	}
}

// Override keeps an operator's decision about a server for all proxies; the zero
// Override takes back what was decided before.
func (s *Sync) Override(ctx context.Context, service, server string, o upstream.Override) error {
	return keep(ctx, s.cfg.Store, service, server, o)
}

// tickets takes in the keys of TLS sessions.
func (s *Sync) tickets(values map[string]string) {
	text, there := values[""]
	if !there {
		return
	}
	plain, err := s.box.Open(text)
	var keys cert.TicketKeys
	if err == nil {
		keys, err = cert.ParseTicketKeys(plain)
	}
	if err != nil {
		s.log.Warn("keys of TLS sessions not taken from the others", "err", err)
		return
	}
	s.mu.Lock()
	s.keys = keys
	s.mu.Unlock()
	if len(keys) > 0 {
		s.cfg.Tickets(keys)
	}
}

// rotate sees to it that there is a key that is young enough. Two proxies that do so
// at once both write one, and the later write counts for both.
func (s *Sync) rotate(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	settle := time.NewTimer(time.Second) // the others' keys come first, if there are any
	defer settle.Stop()
	for {
		select {
		case <-tick.C:
		case <-settle.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		keys, changed := s.keys.Rotate(time.Now())
		s.mu.Unlock()
		if !changed {
			continue
		}
		text, err := keys.Encode()
		if err != nil {
			s.log.Error("keys of TLS sessions not changed", "err", err)
			continue
		}
		s.set(ctx, ticketsKey, s.box.Seal(text), 2*24*time.Hour)
	}
}

// report tells the others which clients are busy.
func (s *Sync) report(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for number := time.Now().UnixNano(); ; number++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if uses := s.cfg.Limit.Drain(); len(uses) > 0 {
			s.set(ctx, RatePrefix+s.cfg.Name, encodeUses(number, uses), rateLife*time.Second)
		}
	}
}

// uses takes in which clients were busy elsewhere. last is what was taken in before,
// by proxy.
func (s *Sync) uses(values map[string]string, last map[string]int64) {
	for proxy := range last {
		if _, there := values[proxy]; !there {
			delete(last, proxy)
		}
	}
	now := s.cfg.Now()
	for proxy, text := range values {
		number, uses, err := parseUses(text)
		if err != nil || proxy == s.cfg.Name || last[proxy] == number {
			continue
		}
		last[proxy] = number
		for _, u := range uses {
			s.cfg.Limit.Charge(u.Client, int(u.Count), now)
		}
	}
}
