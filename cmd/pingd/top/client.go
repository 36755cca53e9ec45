package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"

	"pingd/monitor/api"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
)

// Snapshot is what a monitor tells at one moment.
type Snapshot struct {
	Verdict cluster.Verdict
	Cluster cluster.State
	Details board.Details
	Alerts  api.Alerts
	Events  []cluster.Event // oldest first
	Now     api.Now
	Past    past // the last two minutes of what is drawn
}

// past is an api.Series as a client reads it: gaps are nil.
type past struct {
	Avg map[string][]*float64 `json:"avg"`
}

// of is the past of one series, with NaN for gaps.
func (p past) of(name string) []float64 {
	out := make([]float64, len(p.Avg[name]))
	for i, v := range p.Avg[name] {
		if out[i] = math.NaN(); v != nil {
			out[i] = *v
		}
	}
	return out
}

// value is the newest value of a series; NaN = none.
func (s *Snapshot) value(name string) float64 {
	if v, ok := s.Now.Values[name]; ok {
		return v
	}
	return math.NaN()
}

// drawn are the series that are shown with their past.
const drawn = "requests.rate,requests.error_share,latency.p99,raft.commits,cpu.busy,mem.used"

// Client asks a monitor. Not for concurrent use.
type Client struct {
	Base   string // http://host:port
	Secret string // empty: none
	Node   string // whose host to show, empty: that of the monitor asked
	HTTP   http.Client
}

const maxAnswer = 32 << 20

// Ask asks for all of a Snapshot.
func (c *Client) Ask(ctx context.Context) (*Snapshot, error) {
	s := new(Snapshot)
	for _, q := range [...]struct {
		path, query string
		to          any
	}{
		{"verdict", "", &s.Verdict},
		{"cluster", "", &s.Cluster},
		{"details", "", &s.Details},
		{"alerts", "", &s.Alerts},
		{"events", "limit=30", &s.Events},
		{"now", "name=cpu.*,mem.*,psi.*,load.*,disk.*,net.rx,net.tx,tcp.retrans,requests.*,latency.*,raft.*,backend.*,store.*,swap.*", &s.Now},
		{"series", "from=-119&step=2&name=" + drawn, &s.Past},
	} {
		if err := c.get(ctx, q.path, q.query, q.to); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *Client) get(ctx context.Context, path, query string, to any) error {
	address := c.Base + "/api/v1/" + path + "?" + query
	if c.Node != "" {
		address += "&node=" + url.QueryEscape(c.Node)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.Base, err)
	}
	if c.Secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.Secret)
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("ask %s: %w\nhint: --admin-addr=HOST:PORT names the admin listener of a process with role monitor", c.Base, err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s wants the secret\nhint: --secret-file=FILE", c.Base)
	case resp.StatusCode == http.StatusNotFound && c.Node == "":
		return fmt.Errorf("%s has no monitor\nhint: --admin-addr=HOST:PORT of a process with role monitor", c.Base)
	case resp.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what can be read of it says enough
		return fmt.Errorf("ask %s: %s: %s", c.Base, resp.Status, api.Plain(strings.TrimSpace(string(text))))
	}
	if err := json.NewDecoder(body).Decode(to); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.Base, err)
	}
	return nil
}
