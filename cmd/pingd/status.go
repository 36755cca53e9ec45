package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"pingd/kv/client"
)

// errNoLeader makes "pingd status" fail for scripts as well as for people.
var errNoLeader = errors.New("the cluster has no leader: writes and reads wait for a majority of the members\nhint: pingd members shows who is missing")

// member is a store node as the answering node sees it.
type member struct {
	client.Member
	Lag         uint64  `json:"lag_entries"`          // entries not applied yet
	LastContact float64 `json:"last_contact_seconds"` // since its last answer; -1 = never
}

// clusterStatus is the part of a node's PINGD STATUS that people read, and what
// "pingd status --json" prints.
type clusterStatus struct {
	Leader  string   `json:"leader"`
	Term    uint64   `json:"term"`
	Members []member `json:"members"`

	Node json.RawMessage `json:"node"` // the answering node's whole account
}

func showStatus(ctx context.Context, c cluster, asJSON bool, stdout io.Writer) error {
	raw, err := c.Status(ctx)
	if err != nil {
		return err
	}
	var st clusterStatus
	if err := json.Unmarshal(raw, &st); err != nil {
		return fmt.Errorf("read the status of the store: %w", err)
	}
	st.Node = raw
	if asJSON {
		err = writeJSON(stdout, st)
	} else {
		err = st.table(stdout)
	}
	if err == nil && st.Leader == "" {
		return errNoLeader
	}
	return err
}

// table writes the status for people.
func (st clusterStatus) table(w io.Writer) error {
	alive := 0
	for _, m := range st.Members {
		if m.Alive {
			alive++
		}
	}
	leader := "leader " + st.Leader
	if st.Leader == "" {
		leader = "no leader"
	}
	fmt.Fprintf(w, "%s, term %d, %d of %d members alive\n\n", leader, st.Term, alive, len(st.Members))
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLE\tSTATE\tREDIS\tLAG\tLAST CONTACT")
	for _, m := range st.Members {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", m.Name, part(m.Member), state(m.Member), orDash(m.Redis), m.Lag, m.contact())
	}
	return t.Flush()
}

// contact writes how long ago the member answered last.
func (m member) contact() string {
	switch {
	case m.Leader:
		return "-"
	case m.LastContact < 0:
		return "never"
	default:
		return time.Duration(m.LastContact * float64(time.Second)).Round(time.Millisecond).String()
	}
}
