package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pingd/integration/procs"
	"pingd/monitor/cluster"
)

// TestActionsOfThePage drains a server from the monitor's page and back, and changes its
// weight, with the secret and without; and holds the dashboards to the metrics.
func TestActionsOfThePage(t *testing.T) {
	const secret = "a secret of these tests"
	lab := procs.ForTest(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	m := startSingle(t, lab, "one", "all", "--monitor-actions", "--secret-file="+file)
	api := "http://" + m.Admin + "/api/v1/"

	ask := func(ctx context.Context, method, path, body string, head ...string) (int, string, error) {
		r, err := http.NewRequestWithContext(ctx, method, api+path, strings.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		r.Close = true
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text), err
	}
	bearer := []string{"Authorization", "Bearer " + secret}
	shows := func(state string, weight int) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			var c cluster.State
			_, text, err := ask(ctx, http.MethodGet, "cluster", "", bearer...)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &c); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			if len(c.Proxies) != 1 || len(c.Proxies[0].Backends) != 1 {
				return errors.New("no backend yet")
			}
			if b := c.Proxies[0].Backends[0]; b.State != state || b.Weight != weight {
				return fmt.Errorf("%s with weight %d, waiting for %s, %d", b.State, b.Weight, state, weight)
			}
			return nil
		})
	}
	shows("UP", 1)
	for _, step := range []struct {
		path, body string
		head       []string
		status     int
		state      string
		weight     int
	}{
		{"backends/drain", `{"backend":"one","drain":true}`, nil, 401, "UP", 1},
		{"backends/drain", `{"backend":"one","drain":true}`, append([]string{"Origin", "http://evil.example.com"}, bearer...), 405, "UP", 1},
		{"backends/drain", `{"backend":"one","drain":true}`, bearer, 204, "DRAIN", 0},
		{"backends/drain", `{"backend":"one","drain":false}`, bearer, 204, "UP", 1},
		{"backends/weight", `{"backend":"one","weight":7}`, bearer, 204, "UP", 7},
		{"backends/weight", `{"backend":"one","weight":-1}`, bearer, 204, "UP", 1},
		{"backends/weight", `{"backend":"one","weight":300}`, bearer, 409, "UP", 1},
		{"backends/weight", `{"backend":"none","weight":2}`, bearer, 409, "UP", 1},
	} {
		status, text, err := ask(within(t), http.MethodPost, step.path, step.body, step.head...)
		if err != nil || status != step.status {
			t.Fatalf("%s %s: %d %s, %v; want %d", step.path, step.body, status, text, err, step.status)
		}
		shows(step.state, step.weight)
	}

	api = "http://" + m.Admin + "/"
	status, text, err := ask(within(t), http.MethodGet, "metrics", "", bearer...)
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: %d, %v", status, err)
	}
	checkDashboards(t, text)
}
