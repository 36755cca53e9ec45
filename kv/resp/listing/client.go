package listing

import (
	"cmp"
	"fmt"
	"time"
)

// Client is what CLIENT LIST shows of a connection.
type Client struct {
	ID          int64
	Addr, LAddr string // of the client and of the server, host:port
	Name        string
	Lib         [2]string // name and version (CLIENT SETINFO)
	DB          uint8
	Proto       uint8
	Channels    int
	Patterns    int
	Shards      int
	Queued      int // commands within MULTI; -1 = none open
	MultiMem    int // bytes of their arguments
	ReadOnly    bool
	NoEvict     bool
	NoTouch     bool
	Closing     bool
	Monitor     bool
	Blocked     bool
	Tracking    bool // CLIENT TRACKING
	BCast       bool
	Broken      bool  // the connection that it redirects to is gone
	Redirect    int64 // -1 = tracking is off
	Created     time.Time
	Active      time.Time // end of its last pass
	Last        string    // name of its last command
	Unread      int       // bytes that the client has not taken
}

// Line describes the client as at now.
func (c *Client) Line(now time.Time) string {
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=0 name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d "+
		"multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=%d rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d events=r "+
		"cmd=%s user=default redir=%d resp=%d lib-name=%s lib-ver=%s",
		c.ID, c.Addr, c.LAddr, c.Name, int(now.Sub(c.Created).Seconds()), int(now.Sub(c.Active).Seconds()),
		c.flags(), c.DB, c.Channels, c.Patterns, c.Shards, c.Queued, c.MultiMem, c.Unread, c.Unread+c.MultiMem,
		cmp.Or(c.Last, "NULL"), c.Redirect, c.Proto, c.Lib[0], c.Lib[1])
}

func (c *Client) flags() string {
	flags := ""
	for _, f := range []struct {
		letter string
		set    bool
	}{
		{"O", c.Monitor},
		{"P", c.subscribes()},
		{"x", c.Queued >= 0},
		{"b", c.Blocked},
		{"t", c.Tracking},
		{"R", c.Broken},
		{"B", c.BCast},
		{"A", c.Closing},
		{"r", c.ReadOnly},
		{"T", c.NoTouch},
		{"e", c.NoEvict},
	} {
		if f.set {
			flags += f.letter
		}
	}
	if flags == "" {
		return "N"
	}
	return flags
}

// IsType reports whether the client is of a type: normal or pubsub. Nobody is of
// the others, since nodes do not replicate over Redis connections.
func (c *Client) IsType(kind string) bool {
	pubsub := c.subscribes()
	return kind == "normal" && !pubsub || kind == "pubsub" && pubsub
}

// ValidType reports whether Redis knows a type of client.
func ValidType(kind string) bool {
	switch kind {
	case "normal", "master", "replica", "slave", "pubsub":
		return true
	}
	return false
}

func (c *Client) subscribes() bool { return c.Channels+c.Patterns+c.Shards > 0 }
