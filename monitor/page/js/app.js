// The frame: verdict, headline numbers, timeline, theme; and the start.

const tileDefs = [
  { k: "Requests", s: "requests.rate", u: "rate", d: () => `${fmt(now("requests.connections"), "count")} conns · queue ${fmt(now("requests.queue"), "count")}`, when: () => backendNames().length },
  { k: "Errors", s: "requests.error_share", u: "pct", top: 1, c: "bad", d: () => `${fmt(now("requests.retries"), "rate")} retries`, when: () => backendNames().length, level: (v) => v > 1 ? "bad" : v > 0.1 ? "warn" : "" },
  { k: "Latency p99", s: "latency.p99", u: "ms", c: "c3", d: () => `p50 ${fmt(now("latency.p50"), "ms")} · p95 ${fmt(now("latency.p95"), "ms")}`, when: () => backendNames().length },
  { k: "Commits", s: "raft.commits", u: "rate", c: "c1", d: () => `sync p99 ${fmt(now("raft.fsync.p99"), "ms")}`, when: () => storeNames().length },
  { k: "CPU", s: "cpu.busy", u: "pct", top: 100, c: "c2", d: () => `psi ${fmt(now("psi.cpu"), "pct")} · io ${fmt(now("psi.io"), "pct")}`, level: (v) => v > 95 ? "bad" : v > 85 ? "warn" : "" },
  { k: "Memory", s: "mem.used", u: "bytes", c: "c6", topOf: "mem.total", d: () => `${fmt(100 * now("mem.used") / now("mem.total"), "pct")} of ${fmt(now("mem.total"), "bytes")}` },
  { k: "Network", s: "net.rx", u: "flow", c: "c5", d: () => `out ${fmt(now("net.tx"), "flow")} · retrans ${fmt(now("tcp.retrans"), "pct")}`, when: () => !hasCluster() },
  { k: "Disk", s: "disk.write", u: "flow", c: "c4", d: () => `read ${fmt(now("disk.read"), "flow")} · busy ${fmt(now("disk.util"), "pct")}`, when: () => !hasCluster() },
];

function buildTiles() {
  for (const t of tileDefs) {
    t.canvas = el("canvas");
    t.v = el("div", "v");
    t.num = document.createTextNode("–");
    t.unit = el("small");
    t.v.append(t.num, t.unit);
    t.sub = el("div", "d");
    t.node = el("div", "panel tile", t.canvas, el("div", "k", t.k), t.v, t.sub);
    $("tiles").append(t.node);
  }
}

function drawTiles() {
  for (const t of tileDefs) {
    t.node.hidden = !!t.when && !t.when();
    if (t.node.hidden) continue;
    const v = shownAt(t.s), [n, u] = isNum(v) ? units[t.u](v) : ["–", ""];
    t.num.data = n;
    t.unit.textContent = u;
    t.sub.textContent = t.d();
    t.v.style.color = t.level && t.level(v) ? css[t.level(v)] : "";
    spark(t.canvas, t.s, css[t.c || "c0"], t.topOf ? now(t.topOf) : t.top);
  }
}

// verdict mirrors the server's: DOWN, DEGRADED or OK, and why.
function verdict() {
  const c = state.cluster;
  if (!hasCluster()) return ["good", "OK", state.details ? hostLine() : ""];
  const dead = [...(c.stores || []).filter((s) => !s.alive).map((s) => "store " + s.name), ...(c.nodes || []).filter((n) => !n.alive).map((n) => "node " + n.name)];
  const list = servers(c).filter((s) => s.backends.length), down = list.filter((s) => s.state === "DOWN");
  const lead = c.leader ? `leader ${c.leader} · term ${c.term} · ` : "";
  const alive = (c.stores || []).filter((s) => s.alive).length;
  if ((c.stores || []).length && !c.leader) return ["bad", "✕ DOWN", `no leader for ${span(state.newest - unix(c.leader_lost))} · ${alive} of ${c.stores.length} stores alive`];
  if (list.length && down.length === list.length) return ["bad", "✕ DOWN", lead + "no server is up"];
  if (dead.length) return ["warn", "! DEGRADED", lead + dead.join(", ") + " dead"];
  if (down.length) return ["warn", "! DEGRADED", lead + `${down.map((s) => s.name).join(", ")} down, ${list.length - down.length} of ${list.length} serve`];
  return ["good", "✓ OK", lead + ((c.stores || []).length ? `${alive}/${c.stores.length} stores` : `${(c.nodes || []).length} nodes`) + (list.length ? ` · ${list.length}/${list.length} servers` : "")];
}

const hostLine = () => { const i = state.details.inventory; return [state.details.name, i.os, i.cores + " cores", i.boot && unix(i.boot) ? "up " + span(state.newest - unix(i.boot)) : ""].filter(Boolean).join(" · "); };

let iconState = "";
function header() {
  const [cls, word, why] = state.newest ? verdict() : ["info", "…", "waiting for the first sample"];
  const v = $("verdict"), pill = v.children[0];
  pill.className = "pill " + cls;
  if (pill.textContent !== word) pill.textContent = word;
  if (v.children[1].textContent !== why) v.children[1].textContent = why;
  const live = $("live");
  live.className = !state.connected ? "off" : view.end ? "" : "on";
  live.textContent = !state.connected ? "offline" : view.end ? "paused" : "live";
  for (const b of $("ranges").children) b.setAttribute("aria-pressed", String(+b.dataset.s === view.span));
  if (iconState !== cls && css[cls]) {
    iconState = cls;
    $("icon").href = "data:image/svg+xml," + encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${css[cls]}"/></svg>`);
  }
  document.title = (hasCluster() ? word.replace(/^\S /, "") + " · " : "") + "pingd";
}

function drawTimeline() {
  const [g, w, h] = pen($("timeline"));
  const mid = h - 18;
  leaderBand(g, w, mid);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = css.faint;
  g.textAlign = "center";
  g.textBaseline = "bottom";
  for (const t of ticks(w)) { const x = xOf(t, w); if (x > 26 && x < w - 26) g.fillText(clock(t, tickStep(w) < 60), x, h); }
  const from = viewEnd() - view.span;
  for (const e of state.events) {
    const t = unix(e.time);
    if (t < from || t > viewEnd()) continue;
    const x = xOf(t, w);
    g.fillStyle = sevColor(e.severity);
    g.beginPath();
    if (e.severity === "bad") { g.moveTo(x, 2); g.lineTo(x + 6, 13); g.lineTo(x - 6, 13); } else if (e.severity === "warn") g.rect(x - 4.5, 4, 9, 9); else g.arc(x, 8.5, e.severity === "good" ? 5 : 3, 0, 7);
    g.fill();
    g.fillRect(x - 0.5, 13, 1, mid - 13);
  }
  if (view.cursor) {
    g.fillStyle = css.dim;
    g.fillRect(xOf(view.cursor, w), 0, 1, mid + 4);
    g.fillStyle = css.text;
    g.textAlign = xOf(view.cursor, w) > w - 70 ? "right" : "left";
    g.fillText(clock(view.cursor), xOf(view.cursor, w) + (g.textAlign === "left" ? 5 : -5), h);
  }
  const last = state.events[state.events.length - 1];
  $("latest").replaceChildren(...(last ? [el("b", "", last.text), ` ${span(Date.now() / 1000 - unix(last.time))} ago`] : ["nothing happened yet"]));
  $("time-note").textContent = `${clock(from, true)} – ${clock(viewEnd(), true)}${view.end ? " (paused)" : ""}`;
}

// leaderBand is a bar under the events: green while there is a leader, red while not.
function leaderBand(g, w, y) {
  const a = series.get("raft.has_leader"), from = viewEnd() - view.span;
  let v = NaN, age = 0;
  for (let t = Math.max(from, state.newest - HOLD + 1); t <= viewEnd(); t++) {
    const x = a ? a[t % HOLD] : NaN; // a late answer is no gap: the last one holds for 3 s
    if (isNum(x)) { v = x; age = 0; } else if (++age > 3) v = NaN;
    g.fillStyle = !isNum(v) ? css.line : v ? css.good + "99" : css.bad;
    g.fillRect(xOf(t - 1, w), y, w / view.span + 0.6, 4);
  }
}

function drawWarnings() {
  const list = [...(state.details?.warnings || [])];
  if (state.cluster?.error) list.unshift("cluster: " + state.cluster.error);
  const ul = $("warnings");
  if (ul.dataset.key !== list.join("\n")) {
    ul.dataset.key = list.join("\n");
    ul.replaceChildren(...list.map((w) => el("li", "", w)));
  }
}

function redraw() { cancelAnimationFrame(redraw.id); redraw.id = requestAnimationFrame(draw); }

function draw() {
  for (const d of defs) d.node.hidden = !!d.when && !d.when();
  drawTiles();
  drawTimeline();
  for (const c of charts) if (!c.node.hidden) drawChart(c);
}

function update() {
  header();
  drawWarnings();
  drawMap();
  draw();
  drawTables();
  drawLog();
  const d = state.details;
  if (d) $("foot").textContent = `${hostLine()} · kernel ${d.inventory.kernel} · ${state.names.length} series · ${d.process_count} processes · pingd ${d.version}`;
}

function theme(set) {
  const root = document.documentElement;
  const next = set || (root.dataset.theme === "light" ? "dark" : "light");
  root.dataset.theme = next;
  if (!set) localStorage.setItem("pingd-theme", next);
  readColors();
  iconState = "";
  if (state.newest) update();
}

const prefersLight = matchMedia("(prefers-color-scheme: light)");
const wanted = () => new URLSearchParams(location.search).get("theme") || localStorage.getItem("pingd-theme") || (prefersLight.matches ? "light" : "dark");
prefersLight.addEventListener("change", () => theme(wanted()));

for (const [s, label] of RANGES) {
  const b = el("button", "", label);
  b.type = "button";
  b.dataset.s = s;
  b.addEventListener("click", () => look(s, 0));
  $("ranges").append(b);
}
$("live").addEventListener("click", () => look(view.span < 60 ? 300 : view.span, view.end ? 0 : state.newest));
$("theme").addEventListener("click", () => theme());
theme(wanted());
readHash();
buildTiles();
buildCharts();
buildTables();
pointer($("timeline"));
new ResizeObserver(() => { if (state.newest) { drawMap(); redraw(); } }).observe(document.body);
header();
connect();
