package proxy

import (
	"fmt"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stats"
)

// Figure is one proxy under one shape; medians over rounds, ratios medians
// of the rounds' own ratios, 0 where there is nothing to compare.
type Figure struct {
	Shape   string  `json:"shape"`
	Proxy   string  `json:"proxy"`
	CPU     float64 `json:"cpu_us"` // per request, user and system
	User    float64 `json:"user_us"`
	Rate    float64 `json:"req_s"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	RSS     float64 `json:"rss_mib"`
	PerIdle float64 `json:"idle_client_kib"`
	Failed  int64   `json:"failed"` // all rounds

	CPUToHAProxy  float64 `json:"cpu_to_haproxy"`
	CPUToNginx    float64 `json:"cpu_to_nginx"`
	CPUToPingd    float64 `json:"cpu_to_pingd"`
	RateToHAProxy float64 `json:"req_s_to_haproxy"`
	P99ToHAProxy  float64 `json:"p99_to_haproxy"`
	RateToNginx   float64 `json:"req_s_to_nginx"`
	P99ToNginx    float64 `json:"p99_to_nginx"`

	P99Calm   float64 `json:"p99_calm_ms"` // before slow clients came
	P99ToCalm float64 `json:"p99_to_calm"`
}

// Report is the result of proxy.
type Report struct {
	Machine machine.Machine `json:"machine"`
	Proxies []string        `json:"proxies"`
	Figures []Figure        `json:"figures"`
}

func (m *measure) figures() []Figure {
	cpu := func(r measured) float64 { return r.cpu }
	rate := func(r measured) float64 { return r.rate }
	p99 := func(r measured) float64 { return drive.Millis(r.p99) }
	var figures []Figure
	for i, p := range m.proxies {
		f := Figure{
			Shape: m.shape.String(), Proxy: p.Name(),
			CPU: stats.Median(m.of(i, cpu)), Rate: stats.Median(m.of(i, rate)), P99: stats.Median(m.of(i, p99)),
			User:    stats.Median(m.of(i, func(r measured) float64 { return r.user })),
			P50:     stats.Median(m.of(i, func(r measured) float64 { return drive.Millis(r.p50) })),
			RSS:     stats.Median(m.of(i, func(r measured) float64 { return r.rss })),
			PerIdle: stats.Median(m.of(i, func(r measured) float64 { return r.idle })),

			CPUToHAProxy: m.ratio(i, "haproxy", cpu), CPUToNginx: m.ratio(i, "nginx", cpu), CPUToPingd: m.ratio(i, "pingd", cpu),
			RateToHAProxy: m.ratio(i, "haproxy", rate), P99ToHAProxy: m.ratio(i, "haproxy", p99),
			RateToNginx: m.ratio(i, "nginx", rate), P99ToNginx: m.ratio(i, "nginx", p99),
		}
		if m.shape.kind == shapeSlow {
			f.P99Calm = stats.Median(m.of(i, calmMillis))
			f.P99ToCalm = stats.Ratio(m.of(i, p99), m.of(i, calmMillis))
		}
		for _, r := range m.rounds[i] {
			f.Failed += r.failed
		}
		figures = append(figures, f)
	}
	return figures
}

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	t := show.Table{Head: []string{
		"shape", "proxy", "CPU us/req", "(user)", "req/s", "p50 ms", "p99 ms", "RSS MiB", "failed",
		"CPU/haproxy", "CPU/nginx", "CPU/pingd", "req/s / haproxy", "req/s / nginx", "p99/haproxy", "p99/nginx",
	}}
	idle := show.Table{Head: []string{"shape", "proxy", "KiB per client", "RSS MiB"}}
	slow := show.Table{Head: []string{"shape", "proxy", "p99 ms before", "p99 ms beside slow clients", "ratio", "failed"}}
	ratio := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", v)
	}
	for _, f := range r.Figures {
		if f.P99Calm > 0 {
			slowRow(&slow, f)
			continue
		}
		if f.CPU == 0 {
			idle.Add(f.Shape, f.Proxy, fmt.Sprintf("%.2f", f.PerIdle), fmt.Sprintf("%.0f", f.RSS))
			continue
		}
		t.Add(f.Shape, f.Proxy, fmt.Sprintf("%.1f", f.CPU), fmt.Sprintf("%.1f", f.User), show.Rate(f.Rate),
			show.Millis(f.P50), show.Millis(f.P99), fmt.Sprintf("%.0f", f.RSS), show.Count(f.Failed),
			ratio(f.CPUToHAProxy), ratio(f.CPUToNginx), ratio(f.CPUToPingd), ratio(f.RateToHAProxy), ratio(f.RateToNginx),
			ratio(f.P99ToHAProxy), ratio(f.P99ToNginx))
	}
	for _, t := range []show.Table{t, idle, slow} {
		if len(t.Rows) == 0 {
			continue
		}
		if err := t.Write(env.Stdout); err != nil {
			return err
		}
	}
	return nil
}
