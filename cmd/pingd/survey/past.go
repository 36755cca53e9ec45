package survey

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"pingd/monitor/cluster"
)

// maxPast bounds what one process may tell of its past at once, in bytes.
const maxPast = 64 << 20

// Past asks every process what it remembers of the seconds from..to, and puts the
// answers together, a state for each second that anybody tells of, oldest first. It
// is meant for a few minutes at a time.
func (s *Survey) Past(ctx context.Context, from, to time.Time) ([]cluster.State, error) {
	nodes, err := s.Nodes()
	if err != nil {
		return nil, err
	}
	remembered := make([]map[int64]*Account, len(nodes))
	path := fmt.Sprintf("/status/past?from=%d&to=%d", from.Unix(), to.Unix())
	each(len(nodes), func(i int) {
		// One that does not answer, or is of a version that does not remember, has
		// nothing to tell.
		_ = s.get(ctx, nodes[i].Admin, path, func(r io.Reader) (err error) {
			remembered[i], err = readPast(r)
			return err
		})
	})
	var out []cluster.State
	accounts, failures := make([]*Account, len(nodes)), make([]error, len(nodes))
	for t := from.Unix(); t <= to.Unix(); t++ {
		told := false
		for i := range nodes {
			accounts[i] = remembered[i][t]
			told = told || accounts[i] != nil
		}
		if told {
			out = append(out, compose(time.Unix(t, 0).UTC(), nodes, accounts, failures))
		}
	}
	return out, ctx.Err()
}

// readPast reads lines of "<unix seconds> <JSON>".
func readPast(r io.Reader) (map[int64]*Account, error) {
	out := map[int64]*Account{}
	lines := bufio.NewScanner(io.LimitReader(r, maxPast))
	lines.Buffer(nil, limit)
	for lines.Scan() {
		number, status, _ := bytes.Cut(lines.Bytes(), []byte{' '})
		t, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			return out, fmt.Errorf("read the past: %w", err)
		}
		a := new(Account)
		if err := json.Unmarshal(status, a); err != nil {
			return out, fmt.Errorf("read the past: %w", err)
		}
		out[t] = a
	}
	return out, lines.Err()
}
