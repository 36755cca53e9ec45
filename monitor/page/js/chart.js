// Charts on canvas, all over the same stretch of time.

const css = {};
function readColors() {
  const s = getComputedStyle(document.documentElement);
  for (const k of ["line", "text", "dim", "faint", "panel", "good", "warn", "bad", "info", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]) css[k] = s.getPropertyValue("--" + k).trim();
}
const color = (i) => css["c" + i % 8];
const sevColor = (s) => css[s] || css.info;
const FONT = "11px system-ui, sans-serif";

// pen prepares a canvas for its size on screen and returns its context.
function pen(canvas) {
  const w = canvas.clientWidth, h = canvas.clientHeight, r = devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * r) || canvas.height !== Math.round(h * r)) {
    canvas.width = Math.round(w * r);
    canvas.height = Math.round(h * r);
  }
  const g = canvas.getContext("2d");
  g.setTransform(r, 0, 0, r, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = FONT;
  return [g, w, h];
}

const each = (prefix, suffix, names) => names.map((n) => ({ name: prefix + "." + n + "." + suffix, label: n }));
const named = (...pairs) => pairs.map(([name, label]) => ({ name, label }));
const uniq = (a) => [...new Set(a)].sort(byName);
let known = null, knownOf = null; // the backends' names in the state knownOf
function backendNames() {
  if (!known || knownOf !== state.cluster) {
    known = uniq((state.cluster?.proxies || []).flatMap((p) => (p.backends || []).map((b) => b.name)));
    knownOf = state.cluster;
  }
  return known;
}
const storeNames = () => (state.cluster?.stores || []).map((s) => s.name);
const hasCluster = () => !!state.cluster && ["nodes", "proxies", "counters", "stores"].some((k) => (state.cluster[k] || []).length);
const containersBy = (what) => (state.details?.containers || []).map((c) => ({ name: `container.${c.id}.${what}`, label: c.name })).sort((a, b) => (now(b.name) || 0) - (now(a.name) || 0));
const anyContainer = () => (state.details?.containers || []).length;

const defs = [
  { band: "Service", when: hasCluster },
  { title: "Requests", note: "by server", unit: "rate", stack: true, of: () => each("backend", "requests", backendNames()), when: () => backendNames().length },
  { title: "Latency", unit: "ms", dash: true, of: () => named(["latency.p50", "p50"], ["latency.p95", "p95"], ["latency.p99", "p99"]), when: () => backendNames().length },
  { title: "Errors and retries", unit: "rate", floor: 1, of: () => named(["requests.5xx", "5xx"], ["requests.4xx", "4xx"], ["requests.retries", "retries"], ["requests.redispatches", "redispatches"]), when: () => backendNames().length },
  { title: "Commits and commands", unit: "rate", floor: 1, of: () => named(["raft.commits", "commits"], ["raft.commands", "commands"], ["visits.rate", "visits"]), when: () => storeNames().length },
  { title: "Log sync", note: "99th percentile", unit: "ms", floor: 1, of: () => each("store", "p99", storeNames()), when: () => storeNames().length },
  { title: "Follower lag", note: "entries", unit: "count", floor: 10, of: () => each("store", "lag", storeNames()), when: () => storeNames().length > 1 },
  { band: "Host", host: true },
  { title: "CPU", unit: "pct", stack: true, top: 100, of: () => named(["cpu.user", "user"], ["cpu.system", "system"], ["cpu.nice", "nice"], ["cpu.irq", "irq"], ["cpu.iowait", "iowait"], ["cpu.steal", "steal"]) },
  { title: "Cores", note: "busy", unit: "pct", top: 100, of: () => state.names.filter((n) => n.startsWith("cpu.core.")).map((n) => ({ name: n, label: n.slice(9) })).sort((a, b) => a.label - b.label) },
  { title: "Pressure", note: "time some task waited", unit: "pct", floor: 5, of: () => named(["psi.cpu", "cpu"], ["psi.memory", "memory"], ["psi.io", "io"], ["psi.io_full", "io, all"]), when: () => isNum(now("psi.cpu")) },
  { title: "Memory", unit: "bytes", stack: true, topOf: "mem.total", of: () => named(["mem.used", "used"], ["mem.cached", "cached"]) },
  { title: "Disk", unit: "flow", floor: 1024, of: () => named(["disk.read", "read"], ["disk.write", "write"]) },
  { title: "Disk wait", unit: "ms", floor: 1, of: () => named(["disk.await", "a request, slowest disk"]) },
  { title: "Network", unit: "flow", floor: 1024, of: () => named(["net.rx", "in"], ["net.tx", "out"]) },
  { title: "TCP", unit: "count", floor: 10, of: () => named(["tcp.established", "established"], ["tcp.time_wait", "time-wait"]) },
  { title: "Load", unit: "count", floor: 1, of: () => named(["load.1", "1 min"], ["load.15", "15 min"], ["procs.running", "running"], ["procs.blocked", "blocked"]) },
  { title: "Temperature", unit: "deg", floor: 50, of: () => (state.details?.temperatures || []).map((t) => ({ name: `temp.${t.chip}.${t.sensor}`, label: t.label })), when: () => (state.details?.temperatures || []).length },
  { title: "Containers, CPU", note: "of a core", unit: "pct", floor: 5, of: () => containersBy("cpu"), when: anyContainer },
  { title: "Containers, memory", unit: "bytes", floor: 1 << 20, of: () => containersBy("memory"), when: anyContainer },
];

const charts = [];
const seen = new Set(); // charts on screen: only those are drawn
const watcher = new IntersectionObserver((list) => {
  for (const e of list) if (e.isIntersecting) seen.add(e.target); else seen.delete(e.target);
  redraw();
}, { rootMargin: "120px" });

function buildCharts() {
  for (const d of defs) {
    if (d.band) {
      d.node = el("div", "band", el("h2", "", d.band));
      if (d.host) { d.node.append(hostPicker()); }
      $("charts").append(d.node);
      continue;
    }
    const c = { ...d, canvas: el("canvas"), items: [], legend: el("table", "legend") };
    c.canvas.setAttribute("role", "img");
    c.canvas.setAttribute("aria-label", d.title);
    c.canvas.tabIndex = 0;
    c.legend.append(el("thead", "", el("tr", "", ...["series", "now", "least", "mean", "most"].map((t, i) => { const th = el("th", i > 1 ? "x" : "", t); th.scope = "col"; return th; }))), el("tbody"));
    d.node = c.node = el("article", "panel chart", el("h3", "", d.title, el("small", "", d.note || "")), c.canvas, c.legend);
    $("charts").append(c.node);
    watcher.observe(c.node);
    pointer(c.canvas);
    charts.push(c);
  }
}

// niceTop is the least round number that holds v.
function niceTop(v, unit) {
  if (unit === "pct" && v > 50 && v <= 104) return 100;
  const base = unit === "bytes" || unit === "flow" ? 1024 : 1000;
  let scale = 1;
  while (v / scale >= base) scale *= base;
  v /= scale;
  const ten = 10 ** Math.floor(Math.log10(v || 1));
  for (const m of [1, 2, 3, 4, 5, 6, 8, 10]) if (v <= m * ten) return m * ten * scale;
  return v * scale;
}

const PAD = { l: 54, r: 2, t: 12, b: 18 };
const xOf = (t, w, l = PAD.l) => l + (t - viewStart()) / view.span * (w - l - PAD.r);
const tOf = (x, w, l = PAD.l) => Math.round(viewStart() + (x - l) / (w - l - PAD.r) * view.span);

// rows samples each series of a chart, about a point a pixel, stacked if asked for.
function rows(c, w) {
  const step = Math.max(1, Math.ceil(view.span / Math.max(40, w - PAD.l)), inMemory() || !past ? 1 : past.step), start = viewStart();
  const ts = [];
  for (let t = start - start % step; t <= viewEnd(); t += step) ts.push(t + (step - 1) / 2);
  let below = null;
  const data = c.items.map((it) => {
    const v = sample(it.name, step);
    if (!c.stack) return { ...v, high: v.avg, top: v.max };
    const sum = v.avg.map((x, i) => (isNum(x) ? x : 0) + (below ? below[i] : 0));
    const row = { ...v, low: below, high: sum, top: sum };
    below = sum;
    return row;
  });
  return [ts, data, step];
}

function drawChart(c) {
  c.items = c.of().slice(0, 12);
  const [g, w, h] = pen(c.canvas);
  if (w < 60) return;
  const [ts, data, step] = rows(c, w);
  let top = c.floor || 0;
  for (const d of data) for (const v of d.top) if (v > top) top = v;
  const fixed = c.topOf ? now(c.topOf) : c.top;
  top = fixed || niceTop(top * 1.04 || 1, c.unit);
  const y = (v) => h - PAD.b - Math.min(v / top, 1.03) * (h - PAD.b - PAD.t);
  grid(g, w, h, top, c.unit, y);
  data.forEach((d, i) => {
    if (c.stack) { area(g, ts, d, y, w, color(i), h); return; }
    if (step > 1) band(g, ts, d, y, w, color(i));
    line(g, ts, d.high, y, w, color(i), c.dash ? i : 0, !c.dash && data.length < 4 && i === 0, h);
  });
  eventLines(g, w, h);
  crosshair(g, w, h, data, ts, y);
  legend(c, data);
}

function grid(g, w, h, top, unit, y) {
  g.lineWidth = 1;
  g.strokeStyle = css.line;
  g.fillStyle = css.faint;
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (const f of [0, 0.5, 1]) {
    const yy = Math.round(y(top * f)) + 0.5;
    g.beginPath();
    g.moveTo(PAD.l, yy);
    g.lineTo(w - PAD.r, yy);
    g.stroke();
    g.fillText(f ? fmt(top * f, unit).replace("/s", "") : "0", PAD.l - 7, Math.max(yy, 6));
  }
  timeScale(g, w, h, PAD.l);
}

function timeScale(g, w, h, left) {
  g.fillStyle = css.faint;
  g.textBaseline = "bottom";
  g.textAlign = "center";
  const step = tickStep(w - left);
  for (let t = Math.ceil((viewStart() + zone) / step) * step - zone; t <= viewEnd(); t += step) {
    const x = xOf(t, w, left), s = step >= 86400 ? date(t) : clock(t, step < 60);
    if (x > left + 16 && x < w - 18) g.fillText(s, x, h);
  }
}

const zone = -60 * new Date().getTimezoneOffset(); // so that ticks lie on whole local hours and days
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000];
const tickStep = (w) => STEPS.find((s) => s / view.span * w >= (s < 60 ? 78 : 58)) || 864000;

// runs are the stretches of a row without a gap: two points in a row without a value,
// as one poll may be late.
function runs(v) {
  const out = [];
  let run = [], gap = 3;
  v.forEach((x, i) => {
    if (!isNum(x)) { gap++; return; }
    if (gap > 2) out.push(run = []);
    run.push(i);
    gap = 0;
  });
  return out;
}

function trace(g, run, ts, v, y, w) {
  g.beginPath();
  run.forEach((i, k) => k ? g.lineTo(xOf(ts[i], w), y(v[i])) : g.moveTo(xOf(ts[i], w), y(v[i])));
  if (run.length === 1) g.lineTo(xOf(ts[run[0]], w) + 1, y(v[run[0]]));
}

function line(g, ts, v, y, w, col, dash, filled, h) {
  g.strokeStyle = col;
  g.lineWidth = 1.6;
  g.lineJoin = "round";
  for (const run of runs(v)) {
    g.setLineDash([[], [5, 3], [1.5, 3], [8, 3, 2, 3]][dash % 4]);
    trace(g, run, ts, v, y, w);
    g.stroke();
    if (!filled) continue;
    g.lineTo(xOf(ts[run.at(-1)], w), h - PAD.b);
    g.lineTo(xOf(ts[run[0]], w), h - PAD.b);
    const grad = g.createLinearGradient(0, 0, 0, h);
    grad.addColorStop(0, col + "38");
    grad.addColorStop(1, col + "00");
    g.fillStyle = grad;
    g.fill();
  }
  g.setLineDash([]);
}

// band shades what lay between the least and the greatest value of each step.
function band(g, ts, d, y, w, col) {
  g.fillStyle = col + "2b";
  for (const run of runs(d.max)) {
    trace(g, run, ts, d.max, y, w);
    for (const i of run.reverse()) g.lineTo(xOf(ts[i], w), y(d.min[i]));
    g.fill();
  }
}

function area(g, ts, d, y, w, col, h) {
  for (const run of runs(d.avg)) {
    trace(g, run, ts, d.high, y, w);
    g.strokeStyle = col;
    g.lineWidth = 1.3;
    g.lineJoin = "round";
    g.stroke();
    for (const i of run.reverse()) g.lineTo(xOf(ts[i], w), d.low ? y(d.low[i]) : h - PAD.b);
    g.closePath();
    g.fillStyle = col + "4d";
    g.fill();
  }
}

const shownEvents = () => state.events.filter((e) => { const t = unix(e.time); return t >= viewStart() && t <= viewEnd(); });

// mark draws an event's sign: its shape says as much as its colour.
function mark(g, severity, x, y, r) {
  g.fillStyle = sevColor(severity);
  g.beginPath();
  if (severity === "bad") { g.moveTo(x, y - r); g.lineTo(x + r, y + r); g.lineTo(x - r, y + r); } else if (severity === "warn") g.rect(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6); else g.arc(x, y, severity === "good" ? r * 0.9 : r * 0.55, 0, 7);
  g.fill();
}

function eventLines(g, w, h) {
  g.lineWidth = 1;
  g.setLineDash([2, 3]);
  for (const e of shownEvents()) {
    if (e.severity === "info") continue;
    const x = Math.round(xOf(unix(e.time), w)) + 0.5;
    g.strokeStyle = sevColor(e.severity) + "80";
    g.beginPath();
    g.moveTo(x, PAD.t - 2);
    g.lineTo(x, h - PAD.b);
    g.stroke();
    mark(g, e.severity, x, 5, 4);
  }
  g.setLineDash([]);
}

function crosshair(g, w, h, data, ts, y) {
  if (drag.on) {
    g.fillStyle = css.info + "2e";
    const a = xOf(drag.from, w), b = xOf(drag.to, w);
    g.fillRect(Math.min(a, b), PAD.t, Math.abs(b - a), h - PAD.b - PAD.t);
  }
  if (!view.cursor) return;
  const x = Math.round(xOf(view.cursor, w)) + 0.5;
  g.strokeStyle = css.dim;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(x, PAD.t - 4);
  g.lineTo(x, h - PAD.b);
  g.stroke();
  const i = ts.reduce((best, t, k) => Math.abs(t - view.cursor) < Math.abs(ts[best] - view.cursor) ? k : best, 0);
  data.forEach((d, k) => {
    if (!isNum(d.avg[i])) return;
    g.beginPath();
    g.arc(x, y(d.high[i]), 3, 0, 7);
    g.fillStyle = color(k);
    g.fill();
    g.strokeStyle = css.panel;
    g.stroke();
  });
}

// legend is a table: the numbers of the chart for those who would rather read.
function legend(c, data) {
  const body = c.legend.tBodies[0];
  while (body.children.length > c.items.length) body.lastChild.remove();
  const spoken = c.items.map((it, i) => {
    let tr = body.children[i];
    if (!tr) {
      const th = el("th", "", el("i"), el("span"));
      th.scope = "row";
      body.append(tr = el("tr", "", th, el("td"), el("td", "x"), el("td", "x"), el("td", "x")));
    }
    const [th, val, lo, mean, hi] = tr.children;
    th.children[0].className = c.dash ? "d" + i % 3 : "";
    th.children[0].style.borderColor = color(i);
    say(th.children[1], it.label);
    const text = fmt(shownAt(it.name), c.unit);
    say(val, text);
    if (document.body.classList.contains("numbers")) {
      const d = data[i], ok = d.avg.filter(isNum);
      say(lo, fmt(ok.length ? Math.min(...d.min.filter(isNum)) : NaN, c.unit));
      say(mean, fmt(ok.length ? ok.reduce((a, b) => a + b, 0) / ok.length : NaN, c.unit));
      say(hi, fmt(ok.length ? Math.max(...d.max.filter(isNum)) : NaN, c.unit));
    }
    return it.label + " " + text;
  });
  c.canvas.setAttribute("aria-label", `${c.title}, ${when(viewStart())} to ${when(viewEnd())}: ${spoken.join(", ")}`);
}

function spark(canvas, name, col, top) {
  const [g, w, h] = pen(canvas);
  if (w < 8) return;
  const step = Math.max(1, Math.ceil(view.span / w * 2), inMemory() || !past ? 1 : past.step);
  const v = sample(name, step).avg;
  let max = top || 0;
  for (const x of v) if (x > max) max = x;
  const y = (x) => h - 2 - x / (max * 1.12 || 1) * (h - 4), x = (i) => i / Math.max(1, v.length - 1) * w;
  g.strokeStyle = col;
  g.lineWidth = 1.5;
  g.lineJoin = "round";
  const grad = g.createLinearGradient(0, 0, 0, h);
  grad.addColorStop(0, col + "40");
  grad.addColorStop(1, col + "00");
  g.fillStyle = grad;
  for (const run of runs(v)) {
    g.beginPath();
    run.forEach((i, k) => k ? g.lineTo(x(i), y(v[i])) : g.moveTo(x(i), y(v[i])));
    g.stroke();
    g.lineTo(x(run.at(-1)), h);
    g.lineTo(x(run[0]), h);
    g.fill();
  }
}
