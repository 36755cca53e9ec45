// The frame: verdict, headline numbers, timeline, theme; and the start.

const served = () => backendNames().length;
const tileDefs = [
  { k: "Requests", s: "requests.rate", u: "rate", d: () => `${fmt(now("requests.connections"), "count")} open · ${fmt(now("requests.queue"), "count")} queued`, when: served },
  { k: "Errors", s: "requests.error_share", u: "pct", top: 1, c: "bad", d: () => `${fmt(now("requests.retries"), "rate")} retries`, when: served, level: (v) => v > 1 ? "bad" : v > 0.1 ? "warn" : "" },
  { k: "Latency p99", s: "latency.p99", u: "ms", c: "c3", d: () => `p50 ${fmt(now("latency.p50"), "ms")} · p95 ${fmt(now("latency.p95"), "ms")}`, when: served },
  { k: "Commits", s: "raft.commits", u: "rate", c: "c1", d: () => `sync p99 ${fmt(now("raft.fsync.p99"), "ms")}`, when: () => storeNames().length },
  { k: "CPU", s: "cpu.busy", u: "pct", top: 100, c: "c2", d: () => `pressure ${fmt(now("psi.cpu"), "pct")} · io ${fmt(now("psi.io"), "pct")}`, level: (v) => v > 95 ? "bad" : v > 85 ? "warn" : "" },
  { k: "Memory", s: "mem.used", u: "bytes", c: "c6", topOf: "mem.total", d: () => `${fmt(100 * now("mem.used") / now("mem.total"), "pct")} of ${fmt(now("mem.total"), "bytes")}` },
  { k: "Network in", s: "net.rx", u: "flow", c: "c5", d: () => `out ${fmt(now("net.tx"), "flow")} · retrans ${fmt(now("tcp.retrans"), "pct")}`, when: () => !served() },
  { k: "Disk writes", s: "disk.write", u: "flow", c: "c4", d: () => `read ${fmt(now("disk.read"), "flow")} · busy ${fmt(now("disk.util"), "pct")}`, when: () => !served() },
];

function buildTiles() {
  for (const t of tileDefs) {
    t.canvas = el("canvas");
    t.num = document.createTextNode("–");
    t.unit = el("small");
    t.v = el("div", "v", t.num, t.unit);
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
    say(t.unit, u);
    say(t.sub, t.d());
    t.v.style.color = t.level && t.level(v) ? css[t.level(v)] : "";
    spark(t.canvas, t.s, css[t.c || "c0"], t.topOf ? now(t.topOf) : t.top);
  }
}

const WORDS = { OK: ["good", "✓", "All is well"], DEGRADED: ["warn", "!", "Degraded"], DOWN: ["bad", "✕", "Down"], UNKNOWN: ["info", "…", "Not heard yet"] };

// header says the three things people come for: is it well, who leads, what just
// happened.
function header() {
  const v = state.verdict, [cls, sign, words] = v && state.newest ? WORDS[v.word] : ["info", "…", "Waiting for the first sample"];
  const raised = state.alerts.filter((a) => !a.silenced), c = state.cluster;
  $("hero").className = cls;
  say($("sign"), sign);
  say($("word"), words);
  say($("why"), wellLine(v));
  const led = hasCluster() && storeNames().length;
  say($("lead-k"), led ? "Leader" : "Host");
  say($("lead"), led ? c.leader ? "★ " + c.leader : "none" : state.details?.name || "–");
  $("lead").className = "v" + (led && !c.leader ? " s bad" : "");
  say($("lead-d"), led ? leadLine(c) : hostLine());
  const e = lastNews();
  $("news").className = "v ev " + (e ? e.severity : "");
  say($("news-m"), e ? MARKS[e.severity] : "");
  say($("news-t"), e ? e.text : "nothing yet");
  const before = e && newsworthy().at(-2);
  say($("news-d"), e ? ago(e.time) + (before ? ` · before that: ${MARKS[before.severity]} ${before.text}` : "") : "");
  const live = $("live");
  live.className = !state.connected ? "off" : view.end ? "" : "on";
  say(live, !state.connected ? "offline" : view.end ? "paused" : "live");
  for (const b of $("ranges").children) {
    b.setAttribute("aria-pressed", String(+b.dataset.s === view.span));
    b.hidden = +b.dataset.s > Math.max(state.reach, HOLD);
  }
  const bell = $("bell");
  bell.hidden = !raised.length;
  bell.className = "pill " + (raised.some((a) => a.severity === "crit") ? "bad" : "warn");
  say(bell, raised.length === 1 ? "1 alert" : raised.length + " alerts");
  favicon(cls);
  document.title = (v && v.word !== "OK" ? v.word + " · " : raised.length ? `(${raised.length}) ` : "") + "pingd" + (state.details ? " · " + state.details.name : "");
}

// wellLine says why, without what stands beside it anyway.
function wellLine(v) {
  if (!v) return "";
  const why = hasCluster() || v.word !== "OK" ? v.why.replace(/^leader [^,]*, term \d+, /, "") : `${state.rules.length} rules watch ${whole(state.names.length)} series`;
  return state.cluster?.error ? "what follows is old: " + state.cluster.error : why;
}

function leadLine(c) {
  if (!c.leader) return "for " + span(nowS() - unix(c.leader_lost));
  const since = state.events.filter((e) => e.kind === "leader").at(-1);
  return `term ${c.term}` + (since ? ` · for ${span(nowS() - unix(since.time))}` : "");
}

// newsworthy are the events that are worth a headline: what happened, not that an
// alert told of it, too.
const newsworthy = () => state.events.filter((e) => e.severity !== "info" && e.kind !== "alert");
const lastNews = () => newsworthy().at(-1) || state.events.at(-1);

const hostLine = () => {
  const i = state.details?.inventory;
  return !i ? "" : [i.os, i.cores && i.cores + " cores", unix(i.boot) ? "up " + span(state.newest - unix(i.boot)) : ""].filter(Boolean).join(" · ");
};

let iconState = "";
function favicon(cls) {
  if (iconState === cls || !css[cls]) return;
  iconState = cls;
  $("icon").href = "data:image/svg+xml," + encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${css[cls]}"/></svg>`);
}

const TL = 8; // left edge of the timeline

function drawTimeline() {
  const [g, w, h] = pen($("timeline"));
  const mid = h - 26;
  leaderBand(g, w, mid);
  timeScale(g, w, h, TL);
  const events = shownEvents().sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]); // the worst on top
  for (const e of events) {
    const x = xOf(unix(e.time), w, TL);
    g.fillStyle = sevColor(e.severity) + "99";
    g.fillRect(x - 0.5, 10, 1, mid - 8);
    mark(g, e.severity, x, 8, 6);
  }
  leaderNames(g, w, mid);
  if (drag.on) {
    g.fillStyle = css.info + "2e";
    const a = xOf(drag.from, w, TL), b = xOf(drag.to, w, TL);
    g.fillRect(Math.min(a, b), 0, Math.abs(b - a), mid + 4);
  }
  if (view.cursor) {
    g.fillStyle = css.text;
    g.fillRect(xOf(view.cursor, w, TL), 0, 1, mid + 5);
  }
  say($("time-note"), `${when(viewStart())} – ${view.end ? when(viewEnd()) : "now"}`);
}

// leaderBand is a bar under the events: green while there is a leader, red while not.
function leaderBand(g, w, y) {
  const step = Math.max(1, Math.ceil(view.span / Math.max(60, w)), inMemory() || !past ? 1 : past.step);
  const v = sample("raft.has_leader", step).min, start = viewStart();
  let last = NaN, age = 0;
  v.forEach((x, i) => {
    if (isNum(x)) { last = x; age = 0; } else if (++age * step > 3) last = NaN; // a late answer is no gap
    g.fillStyle = !isNum(last) ? css.line : last >= 1 ? css.good + "b0" : css.bad;
    const t = start - start % step + i * step, a = Math.max(TL, xOf(t, w, TL));
    g.fillRect(a, last < 1 ? y - 3 : y, Math.max(0, xOf(t + step, w, TL) - a + 0.5), last < 1 ? 10 : 4);
  });
}

const WEIGHT = { info: 0, good: 1, warn: 2, bad: 3 };

// leaderNames writes who led from when on, where there is room for it.
function leaderNames(g, w, y) {
  g.font = "600 " + FONT;
  g.textAlign = "left";
  g.textBaseline = "alphabetic";
  let free = Infinity; // where the label to the right begins
  for (const e of shownEvents().filter((e) => e.kind === "leader").sort((a, b) => unix(b.time) - unix(a.time))) {
    const x = xOf(unix(e.time), w, TL) + 9, text = e.severity === "bad" ? "no leader" : "★ " + e.subject.slice(0, 24);
    if (x + g.measureText(text).width > Math.min(free, w)) continue;
    g.fillStyle = e.severity === "bad" ? css.bad : css.dim;
    g.fillText(text, x, y - 5);
    free = x - 14;
  }
  g.font = FONT;
}

function drawLatest() {
  const list = state.events.slice(-6).reverse();
  const key = list.map((e) => e.id).join();
  const ul = $("latest");
  if (ul.dataset.key === key && ul.children.length) return;
  ul.dataset.key = key;
  ul.replaceChildren(...(list.length ? list.map(eventItem) : [el("li", "empty", "nothing happened yet")]));
}

function drawWarnings() {
  const list = [...(state.details?.warnings || [])];
  const ul = $("warnings"), key = list.join("\n");
  if (ul.dataset.key === key) return;
  ul.dataset.key = key;
  ul.replaceChildren(...list.map((w) => el("li", "", w)));
}

// note shows what went wrong with something that was asked for.
function note(text) {
  const n = $("note");
  n.hidden = !text;
  say(n, text);
  clearTimeout(note.timer);
  if (text) note.timer = setTimeout(() => { n.hidden = true; }, 8000);
}

function redraw() { cancelAnimationFrame(redraw.id); redraw.id = requestAnimationFrame(draw); }

function draw() {
  if (!state.newest) return;
  for (const d of defs) d.node.hidden = !!d.when && !d.when();
  drawTiles();
  drawTimeline();
  for (const c of charts) if (!c.node.hidden && seen.has(c.node)) drawChart(c);
  if (!draw.done) { draw.done = true; performance.mark("first chart"); }
}

function update() {
  document.body.classList.toggle("single", !hasCluster());
  header();
  drawWarnings();
  drawAlerts();
  drawMap();
  drawLatest();
  redraw();
  drawTables();
  drawLog();
  drawPicker();
  const d = state.details;
  if (d) say($("foot"), `${d.name} · kernel ${d.inventory.kernel} · ${whole(state.names.length)} series · ${state.rules.length} rules watch · pingd ${d.version} takes ${fmt(now("self.memory"), "bytes")} and ${fmt(now("self.cpu"), "pct")} of a core`);
}

// hostPicker lets the charts of the host be those of another.
function hostPicker() {
  const box = el("span", "seg");
  box.id = "picker";
  return box;
}

function drawPicker() {
  const box = $("picker"), me = state.details?.name;
  const names = uniq([...(state.cluster?.hosts || []).filter((h) => h.alive).map((h) => h.name), ...(me ? [me] : [])]);
  const key = names.join("|") + me;
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(...(names.length > 20 || names.length < 2 ? [] : names.map((n) => { const b = button(n, "Show the charts of " + n, () => visit(n)); b.setAttribute("aria-pressed", String(n === me)); return b; })));
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

// numbers turns the least, mean and most of every chart on or off.
function numbers() {
  const on = document.body.classList.toggle("numbers");
  $("nums").setAttribute("aria-pressed", String(on));
  localStorage.setItem("pingd-numbers", on ? "1" : "");
  redraw();
}

const prefersLight = matchMedia("(prefers-color-scheme: light)");
const wanted = () => new URLSearchParams(location.search).get("theme") || localStorage.getItem("pingd-theme") || (prefersLight.matches ? "light" : "dark");
prefersLight.addEventListener("change", () => theme(wanted()));

for (const [s, label] of RANGES) {
  const b = button(label, "Show the last " + label, () => look(s, 0));
  b.dataset.s = s;
  $("ranges").append(b);
}
$("live").addEventListener("click", () => look(Math.max(view.span, 60), view.end ? 0 : state.newest));
$("theme").addEventListener("click", () => theme());
$("nums").addEventListener("click", numbers);
$("bell").addEventListener("click", () => $("alerts").scrollIntoView());
theme(wanted());
readURL();
buildTiles();
buildCharts();
buildTables();
buildAlerts();
if (localStorage.getItem("pingd-numbers")) numbers();
pointer($("timeline"), TL);
new ResizeObserver(() => { if (state.newest) { drawMap(); redraw(); } }).observe(document.body);
header();
connect();
