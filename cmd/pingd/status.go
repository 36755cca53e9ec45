package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"pingd/kv/client"
)

// errNoLeader makes "pingd status" fail for scripts as well as for people.
var errNoLeader = errors.New("the cluster has no leader: writes and reads wait for a majority of the members\nhint: pingd members shows who is missing")

// storeStatus is the part of a node's PINGD STATUS that people read.
type storeStatus struct {
	Name   string `json:"name"`
	Leader string `json:"leader"`
	Term   uint64 `json:"term"`
}

// clusterStatus is what "pingd status --json" prints.
type clusterStatus struct {
	Leader  string          `json:"leader"`
	Term    uint64          `json:"term"`
	Members []client.Member `json:"members"`
	Node    json.RawMessage `json:"node"` // the answering node's own account
}

func showStatus(ctx context.Context, c cluster, asJSON bool, stdout io.Writer) error {
	raw, err := c.Status(ctx)
	if err != nil {
		return err
	}
	var own storeStatus
	if err := json.Unmarshal(raw, &own); err != nil {
		return fmt.Errorf("read the status of the store: %w", err)
	}
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	st := clusterStatus{Leader: own.Leader, Term: own.Term, Members: members, Node: raw}
	for _, m := range members {
		if m.Leader {
			st.Leader = m.Name
		}
	}
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
	fmt.Fprintln(t, "NAME\tROLE\tSTATE\tREDIS")
	for _, m := range st.Members {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Name, part(m), state(m), m.Redis)
	}
	return t.Flush()
}
