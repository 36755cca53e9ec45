package listing

import (
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
	Queued      int // commands within MULTI; -1 = none open
	ReadOnly    bool
	NoEvict     bool
	Closing     bool
	Created     time.Time
	Active      time.Time // end of its last pass
	Last        string    // name of its last command
	Unread      int       // bytes that the client has not taken
}

// Line describes the client as at now.
func (c *Client) Line(now time.Time) string {
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=0 name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=0 "+
		"multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d events=r "+
		"cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.ID, c.Addr, c.LAddr, c.Name, int(now.Sub(c.Created).Seconds()), int(now.Sub(c.Active).Seconds()),
		c.flags(), c.DB, c.Channels, c.Patterns, c.Queued, c.Unread, c.Unread, c.Last, c.Proto, c.Lib[0], c.Lib[1])
}

func (c *Client) flags() string {
	flags := ""
	for _, f := range []struct {
		letter string
		set    bool
	}{
		{"P", c.Channels+c.Patterns > 0},
		{"x", c.Queued >= 0},
		{"r", c.ReadOnly},
		{"e", c.NoEvict},
		{"A", c.Closing},
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
	pubsub := c.Channels+c.Patterns > 0
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
