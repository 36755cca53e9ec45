package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pingd/integration/procs"
)

var metricName = regexp.MustCompile(`\b(?:pingd|node|container|process)_[A-Za-z0-9_]+`)

// checkDashboards holds that every metric which the Grafana dashboard, the
// Prometheus rules and the documents name is among those of a process, and that Prometheus takes the
// rules, the expressions of the dashboard and the metrics.
func checkDashboards(t *testing.T, exposition string) {
	t.Helper()
	tool := procs.Need(t, "promtool", "prometheus")
	known := map[string]bool{}
	for line := range strings.Lines(exposition) {
		if name := metricName.FindString(line); name != "" && strings.HasPrefix(line, name) {
			known[name] = true
		}
	}
	rules, err := os.ReadFile("../docs/monitoring/prometheus-rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	board, err := os.ReadFile("../docs/monitoring/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	checked := expressions(t, board)
	own := regexp.MustCompile(`\bpingd_[a-z_]*[a-z]\b`)
	texts := append(slices.Clone(checked), string(rules))
	for _, text := range documents(t) {
		texts = append(texts, strings.Join(own.FindAllString(text, -1), " "))
	}
	for _, text := range texts {
		for _, name := range metricName.FindAllString(text, -1) {
			// There may be no container, no other node, no certificate and nothing to raise an alert for.
			seldom := strings.HasPrefix(name, "container_") || strings.HasPrefix(name, "pingd_raft_peer_") ||
				name == "pingd_alert" || name == "pingd_tls_certificate_end_seconds"
			if !known[name] && !seldom {
				t.Errorf("no process exports %s", name)
			}
		}
	}
	// The dashboard's expressions as rules, so that promtool parses them.
	asRules := "groups:\n- name: dashboard\n  rules:\n"
	for _, e := range checked {
		e = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m", "$job", "x", "$instance", "x").Replace(e)
		quoted, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		asRules += "  - record: x\n    expr: " + string(quoted) + "\n"
	}
	made := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(made, []byte(asRules), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"../docs/monitoring/prometheus-rules.yml", made} {
		if out, err := exec.CommandContext(within(t), tool, "check", "rules", "--lint=none", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	checkMetrics(t, tool, exposition)
}

// expressions are those of a dashboard's panels and annotations.
func expressions(t *testing.T, board []byte) (out []string) {
	t.Helper()
	type query struct{ Expr string }
	var d struct {
		Panels []struct {
			Title   string
			Targets []query
		}
		Annotations struct{ List []query }
	}
	if err := json.Unmarshal(board, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out = append(out, q.Expr)
		}
	}
	for _, q := range d.Annotations.List {
		out = append(out, q.Expr)
	}
	if len(out) < 30 {
		t.Fatalf("only %d expressions found in the dashboard", len(out))
	}
	return out
}

// checkMetrics asks promtool's opinion of all that a process exports. It dislikes what
// node_exporter calls its metrics, which dashboards rely on, and the word counter,
// which is the name of a role.
func checkMetrics(t *testing.T, tool, exposition string) {
	t.Helper()
	cmd := exec.CommandContext(within(t), tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(exposition)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "node_") && !(strings.HasPrefix(line, "pingd_counter_") && strings.Contains(line, "type 'counter'")) {
			t.Errorf("promtool: %s", line)
		}
	}
	if err != nil && len(out) == 0 {
		t.Error(err)
	}
}
