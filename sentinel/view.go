package sentinel

import (
	"context"
	"crypto/sha1" //nolint:gosec // an identifier of the length that clients expect, not a secret
	"encoding/hex"
	"net"
	"strconv"
	"time"
)

// Cluster is what the endpoint tells about.
type Cluster interface {
	// View returns the state as the local node knows it. It is called for each
	// command, by many goroutines, and must not block.
	View() View
	// Changes returns a channel that receives after the leader, the term or the
	// nodes changed; changes may be conflated. It is closed when ctx has ended.
	Changes(ctx context.Context) <-chan struct{}
	// Failover hands leadership to another node and returns when that is done.
	Failover(ctx context.Context) error
}

// View is the state of the store at one moment.
type View struct {
	Term   uint64 // Raft term
	Leader string // name of the leader; empty while there is none
	Quorum int    // voters needed for a majority
	Self   string // name of the node this endpoint belongs to; empty for one of its own
	Nodes  []Node // all of them, Self included, in any order

	At time.Time // when the view was taken; zero = at this moment
}

// Node is one store node.
type Node struct {
	Name         string
	Host         string // as advertised: a name stays a name
	RedisPort    int
	SentinelPort int // 0: no Sentinel endpoint
	Alive        bool
	Cut          bool          // the connection to it has ended: it may be dead
	Voter        bool          // only voters can become leader
	ReplOffset   uint64        // index of the last log entry it is known to hold
	LastContact  time.Duration // since it was heard of last
	RunID        string        // 40 hexadecimal digits that change at a restart; empty = derived from Name
}

// addr returns host:port as Redis names replicas.
func (n Node) addr() string { return net.JoinHostPort(n.Host, strconv.Itoa(n.RedisPort)) }

// port returns RedisPort in decimal.
func (n Node) port() string { return strconv.Itoa(n.RedisPort) }

// runID returns RunID or what stands for it.
func (n Node) runID() string {
	if n.RunID != "" {
		return n.RunID
	}
	return identifier("redis " + n.Name)
}

// sentinelID returns the identifier of the node's Sentinel endpoint. Unlike a
// run id it survives restarts.
func (n Node) sentinelID() string { return sentinelID(n.Name) }

func sentinelID(name string) string { return identifier("sentinel " + name) }

// identifier makes 40 hexadecimal digits.
func identifier(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// node returns the node with the given name.
func (v View) node(name string) (Node, bool) {
	for _, n := range v.Nodes {
		if n.Name == name && name != "" {
			return n, true
		}
	}
	return Node{}, false
}
