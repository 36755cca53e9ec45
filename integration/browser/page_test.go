package browser

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor"
	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shown is a monitor of a made-up cluster that runs, and where its page is.
type shown struct {
	*monitor.Monitor
	c   *demo.Cluster
	url string
}

// show runs a monitor with the last ten minutes of the demo's cluster behind it.
func show(t *testing.T, change func(*monitor.Config, *demo.Cluster)) shown {
	t.Helper()
	born := time.Now().Truncate(time.Second).Add(-600 * time.Second)
	c := demo.New(born)
	var remembered []cluster.State
	for at := born; at.Before(time.Now()); at = at.Add(time.Second) {
		remembered = append(remembered, c.At(at))
	}
	cfg := monitor.Config{
		Name: "h1", Version: "test", Cluster: c.State, Rules: []alert.Rule{}, Engine: "off",
		Past: func(_ context.Context, from, to time.Time) (out []cluster.State, err error) {
			for _, s := range remembered {
				if !s.Time.Before(from) && !s.Time.After(to) {
					out = append(out, s)
				}
			}
			return out, nil
		},
	}
	if change != nil {
		change(&cfg, c)
	}
	m, err := monitor.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(m.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return shown{m, c, srv.URL + "/"}
}

func alertRules(t *testing.T, lines ...string) []alert.Rule {
	t.Helper()
	var rules []alert.Rule
	for _, l := range lines {
		r, err := alert.Parse(l)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	return rules
}

const (
	// firstChart is promised from the call of the page to its first chart.
	firstChart = 1500 * time.Millisecond
	// newLeader is promised from a change of leader to its name on the page.
	newLeader = 2 * time.Second
	tries     = 5
	drawn     = `document.querySelectorAll("#charts .legend td").length > 20 && document.querySelector("#lead").textContent === "★ h1"`
	evil      = `<img src=x onerror=document.title='broken'>`
)

// checkPromise holds a promise of time by the best of some tries. A machine that is
// busy with something else gets as much longer as it needs for next to nothing: to
// show an answer of a hundred bytes, three times at trivial if that is not empty.
func checkPromise(t *testing.T, b *Browser, what string, promised time.Duration, try func() time.Duration, trivial string) {
	t.Helper()
	best, idle := time.Hour, time.Duration(0)
	for range tries {
		if best = min(best, try()); best <= promised {
			break
		}
	}
	if best > promised && trivial != "" {
		idle = time.Hour
		for range tries {
			b.Blank()
			b.Open(trivial + "api/v1/verdict")
			b.Wait(`document.readyState === "complete" && location.href !== "about:blank"`)
			idle = min(idle, b.Millis(`performance.getEntriesByType("navigation")[0].duration`))
		}
	}
	t.Logf("%s after %v", what, best)
	if best > promised+10*idle {
		t.Errorf("%s after %v, promised within %v (next to nothing takes %v)", what, best, promised, idle)
	}
}

// TestPage shows the demo's cluster, with a hostile name in it, to a real browser.
func TestPage(t *testing.T) {
	s := show(t, func(_ *monitor.Config, c *demo.Cluster) {
		c.Change(func(s *cluster.State) {
			s.Counters = append(s.Counters, cluster.Counter{Name: evil, Alive: true, Visits: 1})
		})
	})
	b := Start(t, 1440, 900)
	checkPromise(t, b, "first chart", firstChart, func() time.Duration {
		b.Blank()
		b.Open(s.url + "?theme=dark")
		b.Wait(drawn)
		return b.Millis(`performance.getEntriesByName("first chart")[0].startTime`) // since the page was called
	}, s.url)
	if n := len(b.Requests()); n > 4 {
		t.Errorf("%d requests, at most 4 are promised: %q", n, b.Requests())
	}
	if bad := b.Strange(s.url); len(bad) > 0 {
		t.Errorf("requests to other hosts: %q", bad)
	}
	for _, tc := range [][2]string{
		{`document.documentElement.dataset.theme`, "dark"},
		{`document.images.length + document.title`, "0pingd · h1"},
		{`document.querySelector("#word").textContent`, "All is well"},
		{`document.querySelector(".lead b").textContent`, "h1"},
		{`[...document.querySelectorAll(".node b")].some(b => b.textContent.startsWith("<img"))`, "true"},
		{`document.documentElement.scrollWidth <= innerWidth`, "true"},
		{`document.querySelector('canvas[aria-label^="Requests"]').getAttribute("aria-label").includes("h1")`, "true"},
		{`[...document.querySelectorAll("#t-backends th")].some(h => h.textContent === "retries")`, "true"},
		{`document.querySelectorAll("#t-backends .act").length`, "0"}, // nobody may act here
		{`[...document.querySelectorAll("button, [tabindex='0']")].every(b => b.textContent.trim() || b.getAttribute("aria-label"))`, "true"},
	} {
		if got := b.Eval(tc[0]); got != tc[1] {
			t.Errorf("%s = %q, want %q", tc[0], got, tc[1])
		}
	}
	b.Wait(`[...document.querySelectorAll("#log li")].some(l => l.textContent.includes("h1 leads"))`) // learned from the past
	b.Shot("dark.png")
	b.Eval(`document.getElementById("theme").click()`)
	b.Wait(`document.documentElement.dataset.theme === "light"`)
	b.Shot("light.png")

	next := 0
	checkPromise(t, b, "new leader", newLeader, func() time.Duration {
		next++
		name := []string{"h3", "h2"}[next%2]
		start := time.Now()
		s.c.Lead(name)
		b.Wait(`document.querySelector("#lead").textContent === "★ ` + name + `" && document.querySelector(".lead b").textContent === "` + name + `"`)
		return time.Since(start)
	}, "")
	b.Size(360, 2400)
	b.Wait(`document.documentElement.scrollWidth <= 360`)
	b.Shot("narrow.png")
	if len(b.Console()) > 0 {
		t.Errorf("console: %s", strings.Join(b.Console(), "\n"))
	}
}

// TestLooking uses the page as a person would: zoom, ranges, the URL, keys, filter.
func TestLooking(t *testing.T) {
	s := show(t, nil)
	b := Start(t, 1440, 900)
	b.Open(s.url)
	b.Wait(drawn)
	at := func(kind string, x float64) {
		t.Helper()
		b.Call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": 700, "button": "left", "buttons": 1, "clickCount": 1}, nil)
	}
	b.Eval(`document.getElementById("timeline").scrollIntoView({block: "end"}); document.getElementById("timeline").style.outline = ""`)
	box := b.Eval(`(() => { const r = document.getElementById("timeline").getBoundingClientRect(); window.scrollBy(0, r.top - 680); const q = document.getElementById("timeline").getBoundingClientRect(); return q.top < 700 && q.bottom > 700; })()`)
	if box != "true" {
		t.Fatalf("the timeline is not where the mouse is: %s", b.Eval(`JSON.stringify(document.getElementById("timeline").getBoundingClientRect())`))
	}
	at("mousePressed", 400)
	at("mouseMoved", 600)
	at("mouseMoved", 800)
	at("mouseReleased", 800)
	b.Wait(`location.hash.includes("span=") && location.hash.includes("end=") && document.getElementById("live").textContent === "paused"`)
	held := b.Eval(`location.hash`)
	b.Call("Page.reload", nil, nil)
	b.Wait(`document.getElementById("live")?.textContent === "paused" && document.querySelectorAll("#charts .legend td").length > 20`)
	if got := b.Eval(`location.hash`); got != held {
		t.Errorf("the URL was %s, and is %s after a reload", held, got)
	}
	b.Eval(`document.activeElement.blur()`)
	press := func(k, want string) {
		t.Helper()
		b.Eval(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "` + k + `", bubbles: true, cancelable: true}))`)
		b.Wait(want)
	}
	press("Escape", `document.getElementById("live").textContent === "live" && !location.hash.includes("end=")`)
	press("2", `document.querySelector('#ranges [aria-pressed="true"]').textContent === "1h" && location.hash === "#span=3600"`)
	press("n", `getComputedStyle(document.querySelector(".legend thead")).display === "table-header-group" && document.querySelector(".legend td.x").textContent !== ""`)
	press("t", `document.documentElement.dataset.theme === "dark" || document.documentElement.dataset.theme === "light"`)
	press("1", `location.hash === ""`)
	b.Eval(`(() => { const f = document.querySelector("#log-panel input"); f.value = "no leader"; f.dispatchEvent(new Event("input")); })()`)
	b.Wait(`document.querySelectorAll("#log li").length === 1 && document.querySelector("#log li").textContent.includes("no leader")`)
	b.Eval(`document.querySelector("#log .time").click()`)
	b.Wait(`location.hash.includes("end=")`)
	if len(b.Console()) > 0 {
		t.Errorf("console: %s", strings.Join(b.Console(), "\n"))
	}
}

// TestTrouble shows a dead node and alerts, and silences one.
func TestTrouble(t *testing.T) {
	s := show(t, func(cfg *monitor.Config, _ *demo.Cluster) {
		cfg.Actions = true
		cfg.Rules = alertRules(t, "node_dead: nodes.dead warn > 0", "backend_down: backend.*.up crit < 1", "quorum_at_risk: raft.margin warn < 1")
		cfg.Operator = drains{}
	})
	b := Start(t, 1440, 900)
	b.Open(s.url + "?theme=dark")
	b.Wait(drawn)
	s.c.Break("h3", true)
	b.Wait(`document.querySelector("#word").textContent === "Degraded" && document.querySelectorAll("#alert-list li").length === 3`)
	for _, tc := range [][2]string{
		{`document.querySelector("#why").textContent`, "store h3 dead"},
		{`document.querySelector("#bell").textContent`, "3 alerts"},
		{`document.title.startsWith("DEGRADED")`, "true"},
		{`[...document.querySelectorAll(".node.bad .st")].some(e => e.textContent === "✕ DEAD")`, "true"},
		{`[...document.querySelectorAll("#t-backends .act")].filter(e => e.textContent === "drain").length`, "6"},
	} {
		if got := b.Eval(tc[0]); got != tc[1] {
			t.Errorf("%s = %q, want %q", tc[0], got, tc[1])
		}
	}
	b.Shot("trouble.png")
	b.Eval(`document.querySelector("#alert-list .act").click()`)
	b.Wait(`document.querySelectorAll("#alert-list li.off").length === 2 && document.querySelector("#bell").textContent === "2 alerts"`)
	b.Eval(`[...document.querySelectorAll("#alert-list .act")].find(e => e.textContent === "end").click()`)
	b.Wait(`document.querySelectorAll("#alert-list li.off").length === 0`)
	b.Eval(`[...document.querySelectorAll("#t-backends .act")].find(e => e.textContent === "drain").click()`)
	b.Wait(`document.querySelector("#note").textContent === "not yet"`)
	if bad := b.Console(); len(bad) != 1 { // the browser itself notes the refusal
		t.Errorf("console: %s", strings.Join(bad, "\n"))
	}
}

// drains refuses, with a reason.
type drains struct{}

func (drains) Can() (drain, weight bool)                    { return true, true }
func (drains) Drain(context.Context, string, bool) error    { return errors.New("not yet") }
func (drains) SetWeight(context.Context, string, int) error { return errors.New("not yet") }

// TestOneHost shows a monitor that has nothing but its host to watch.
func TestOneHost(t *testing.T) {
	s := show(t, func(cfg *monitor.Config, _ *demo.Cluster) { cfg.Cluster, cfg.Past = nil, nil })
	b := Start(t, 1440, 900)
	b.Open(s.url + "?theme=dark")
	b.Wait(`document.querySelector("#word").textContent === "All is well" && document.querySelector("#lead").textContent === "h1"`)
	b.Wait(`document.querySelectorAll("#t-processes tbody tr").length > 0 && document.getElementById("cluster").hidden`)
	b.Shot("host.png")
	b.Size(360, 900)
	b.Wait(`document.documentElement.scrollWidth <= 360`)
	if len(b.Console()) > 0 {
		t.Errorf("console: %s", strings.Join(b.Console(), "\n"))
	}
}
