package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pingd/integration/procs/wire"
)

// ErrNoLeader means that no majority of the stores names one leader.
var ErrNoLeader = errors.New("no leader that a majority names")

// askTime bounds one question to one store: a paused one accepts connections
// and never answers.
const askTime = 300 * time.Millisecond

// Leader returns the store that a majority of all stores names as the leader
// (PINGD MEMBERS), itself among them: the others go on naming a leader that was
// killed or paused until they have missed it, and one that comes back after a
// pause names itself alone. ErrNoLeader while there is none.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	type answer struct {
		from, name string
		err        error
	}
	ctx = wire.WithTLS(ctx, c.config.TLS)
	answers := make(chan answer, len(c.Stores))
	for _, n := range c.Stores {
		go func() {
			name, err := askLeader(ctx, n.Redis, c.config.Secret)
			answers <- answer{n.Name(), name, err}
		}()
	}
	votes, claims := map[string]int{}, map[string]bool{}
	errs := []error{ErrNoLeader}
	for range c.Stores {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		votes[a.name]++
		claims[a.name] = claims[a.name] || a.name == a.from
	}
	for _, n := range c.Stores {
		if claims[n.Name()] && votes[n.Name()] > len(c.Stores)/2 {
			return n, nil
		}
	}
	return nil, errors.Join(errs...)
}

// WaitLeader polls Leader until there is one.
func (c *Cluster) WaitLeader(ctx context.Context) (*Node, error) {
	var leader *Node
	err := Poll(ctx, func(ctx context.Context) (err error) {
		leader, err = c.Leader(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for a leader: %w\n%s", err, c.storeTails(8))
	}
	return leader, nil
}

// WaitWhole waits until every store names the same leader and every store is
// an alive voter in its view: the state from which the next fault is fair.
func (c *Cluster) WaitWhole(ctx context.Context) (*Node, error) {
	var leader *Node
	err := Poll(ctx, func(ctx context.Context) (err error) {
		if leader, err = c.Leader(ctx); err != nil {
			return err
		}
		for _, n := range c.Stores {
			members, err := askMembers(wire.WithTLS(ctx, c.config.TLS), n.Redis, c.config.Secret)
			if err != nil {
				return err
			}
			if whole := countWhole(members, leader.Name()); whole != len(c.Stores) {
				return fmt.Errorf("%w: %s sees %d of %d stores whole", errNotYet, n.Name(), whole, len(c.Stores))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for a whole cluster: %w\n%s", err, c.storeTails(8))
	}
	return leader, nil
}

func (c *Cluster) storeTails(lines int) string {
	var text string
	for _, n := range c.Stores {
		text += fmt.Sprintf("--- %s (%s)\n%s\n", n.Name(), n.state(), n.Tail(lines))
	}
	return text
}

// member is what is read of an entry of PINGD MEMBERS.
type member struct {
	Name                 string
	Voter, Leader, Alive bool
}

// countWhole counts members that are alive voters; 0 unless leader leads.
func countWhole(members []member, leader string) int {
	whole, leads := 0, false
	for _, m := range members {
		if m.Voter && m.Alive {
			whole++
		}
		leads = leads || m.Leader && m.Name == leader
	}
	if !leads {
		return 0
	}
	return whole
}

func askMembers(ctx context.Context, addr, secret string) ([]member, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	reply, err := wire.AskAs(ctx, addr, secret, "PINGD", "MEMBERS")
	if err != nil {
		return nil, fmt.Errorf("ask %s for its members: %w", addr, err)
	}
	return parseMembers(reply.Text)
}

func parseMembers(text string) ([]member, error) {
	var members []member
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return nil, fmt.Errorf("parse members: %w", err)
	}
	return members, nil
}

// askLeader returns the name of the leader as addr knows it.
func askLeader(ctx context.Context, addr, secret string) (string, error) {
	members, err := askMembers(ctx, addr, secret)
	if err != nil {
		return "", err
	}
	for _, m := range members {
		if m.Leader {
			return m.Name, nil
		}
	}
	return "", fmt.Errorf("%s: %w", addr, ErrNoLeader)
}
