// Charts on canvas, all over the same stretch of time.

const css = {};
function readColors() {
  const s = getComputedStyle(document.documentElement);
  for (const k of ["line", "text", "dim", "faint", "panel", "good", "warn", "bad", "info", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]) css[k] = s.getPropertyValue("--" + k).trim();
}
const color = (i) => css["c" + i % 8];
const sevColor = (s) => css[s] || css.info;

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
  return [g, w, h];
}

const by = (prefix, suffix, names) => names.map((n) => ({ name: prefix + "." + n + "." + suffix, label: n }));
const named = (...pairs) => pairs.map(([name, label]) => ({ name, label }));
const backendNames = () => [...new Set((state.cluster?.proxies || []).flatMap((p) => (p.backends || []).map((b) => b.name)))].sort();
const storeNames = () => (state.cluster?.stores || []).map((s) => s.name);

const defs = [
  { band: "Service", when: () => hasCluster() },
  { title: "Requests by server", unit: "rate", stack: true, of: () => by("backend", "requests", backendNames()), when: () => backendNames().length },
  { title: "Latency", unit: "ms", of: () => named(["latency.p50", "p50"], ["latency.p95", "p95"], ["latency.p99", "p99"]), dash: true, when: () => backendNames().length },
  { title: "Errors and retries", unit: "rate", floor: 1, of: () => named(["requests.5xx", "5xx"], ["requests.4xx", "4xx"], ["requests.retries", "retries"], ["requests.redispatches", "redispatches"]), when: () => backendNames().length },
  { title: "Commits and commands", unit: "rate", of: () => named(["raft.commits", "commits"], ["raft.commands", "commands"], ["visits.rate", "visits"]), when: () => storeNames().length },
  { title: "Log sync, p99", unit: "ms", of: () => by("store", "p99", storeNames()), when: () => storeNames().length },
  { title: "Follower lag", unit: "count", floor: 10, axis: "entries", of: () => by("store", "lag", storeNames()), when: () => storeNames().length },
  { band: "Host" },
  { title: "CPU", unit: "pct", stack: true, top: 100, of: () => named(["cpu.user", "user"], ["cpu.system", "system"], ["cpu.nice", "nice"], ["cpu.irq", "irq"], ["cpu.iowait", "iowait"], ["cpu.steal", "steal"]) },
  { title: "Pressure", unit: "pct", floor: 5, axis: "% of time some task waited", of: () => named(["psi.cpu", "cpu"], ["psi.memory", "memory"], ["psi.io", "io"], ["psi.io_full", "io, all"]) },
  { title: "Memory", unit: "bytes", stack: true, topOf: "mem.total", of: () => named(["mem.used", "used"], ["mem.cached", "cached"]) },
  { title: "Disk", unit: "flow", floor: 1024, of: () => named(["disk.read", "read"], ["disk.write", "write"]) },
  { title: "Network", unit: "flow", floor: 1024, of: () => named(["net.rx", "in"], ["net.tx", "out"]) },
  { title: "Load and processes", unit: "count", floor: 1, of: () => named(["load.1", "load 1m"], ["load.15", "load 15m"], ["procs.running", "running"], ["procs.blocked", "blocked"]) },
];

const charts = [];
function buildCharts() {
  for (const d of defs) {
    if (d.band) {
      d.node = el("h3", "band", d.band);
      $("charts").append(d.node);
      continue;
    }
    const c = { ...d, legend: el("ul", "legend"), canvas: el("canvas"), items: [] };
    c.canvas.setAttribute("role", "img");
    c.axisNode = el("span", "axis", d.axis || "");
    d.node = c.node = el("article", "panel chart", el("h2", "", c.axisNode, d.title), c.canvas, c.legend);
    $("charts").append(c.node);
    pointer(c.canvas, c);
    charts.push(c);
  }
}

// niceTop is the least of 1, 2, 2.5, 5 times a power of the base that holds v.
function niceTop(v, unit) {
  if (unit === "pct" && v > 50) return Math.max(100, v);
  const base = unit === "bytes" || unit === "flow" ? 1024 : 1000;
  let scale = 1;
  while (v / scale >= base) scale *= base;
  v /= scale;
  const ten = 10 ** Math.floor(Math.log10(v || 1));
  for (const m of [1, 2, 3, 4, 5, 6, 8, 10]) if (v <= m * ten) return m * ten * scale;
  return v * scale;
}

const PAD = { l: 0, r: 0, t: 8, b: 16 };
const xOf = (t, w) => (t - (viewEnd() - view.span)) / view.span * w;
const tOf = (x, w) => Math.round(viewEnd() - view.span + x / w * view.span);

// rows returns the values of each series over the view, stacked if asked for,
// thinned to at most one value a pixel by keeping each bucket's maximum.
function rows(c, w) {
  const end = viewEnd(), from = end - view.span, step = Math.max(1, Math.ceil(view.span / w));
  const ts = [];
  for (let t = from - from % step; t <= end; t += step) ts.push(t);
  let below = null;
  const out = c.items.map((it) => {
    const a = series.get(it.name);
    const v = ts.map((t) => {
      let m = NaN;
      for (let k = 0; k < step; k++) {
        const s = t + k;
        const x = a && s <= state.newest && s > state.newest - HOLD ? a[s % HOLD] : NaN;
        if (!(x <= m) && isNum(x)) m = x;
      }
      return m;
    });
    if (c.stack) {
      const sum = v.map((x, i) => (isNum(x) ? x : 0) + (below ? below[i] : 0));
      const row = { v, low: below, high: sum };
      below = sum;
      return row;
    }
    return { v, high: v };
  });
  return [ts, out];
}

function drawChart(c) {
  c.items = c.of().slice(0, 12);
  const [g, w, h] = pen(c.canvas);
  if (!w) return;
  const [ts, data] = rows(c, w);
  let top = c.floor || 0;
  for (const d of data) for (const v of d.high) if (v > top) top = v;
  const fixed = c.topOf ? now(c.topOf) : c.top;
  top = fixed || niceTop(top * 1.05 || 1, c.unit);
  const y = (v) => h - PAD.b - Math.min(v / top, 1.02) * (h - PAD.b - PAD.t);
  grid(g, w, h, top, c.unit, y);
  eventLines(g, w, h);
  data.forEach((d, i) => c.stack ? area(g, ts, d, y, w, color(i), h) : line(g, ts, d.high, y, w, color(i), c.dash ? i : 0, !c.dash && data.length < 4 && i === 0, h));
  scaleText(g, w, top, c.unit, y);
  crosshair(g, w, h, c, data, ts, y);
  legend(c);
}

function grid(g, w, h, top, unit, y) {
  g.lineWidth = 1;
  g.strokeStyle = css.line;
  g.beginPath();
  for (const f of [0, 0.5, 1]) {
    const yy = Math.round(y(top * f)) + 0.5;
    g.moveTo(0, yy);
    g.lineTo(w, yy);
  }
  g.stroke();
  g.fillStyle = css.faint;
  g.font = "11px system-ui, sans-serif";
  g.textBaseline = "bottom";
  for (const t of ticks(w)) {
    g.textAlign = "center";
    const x = xOf(t, w);
    if (x > 26 && x < w - 26) g.fillText(clock(t, tickStep(w) < 60), x, h);
  }
}

// scaleText writes the scale over the lines, with a halo so that both stay readable.
function scaleText(g, w, top, unit, y) {
  g.font = "11px system-ui, sans-serif";
  g.textAlign = "left";
  g.textBaseline = "top";
  g.lineWidth = 4;
  g.lineJoin = "round";
  g.strokeStyle = css.panel;
  g.fillStyle = css.dim;
  for (const f of [0.5, 1]) {
    const s = fmt(top * f, unit);
    g.strokeText(s, 2, y(top * f) + 2);
    g.fillText(s, 2, y(top * f) + 2);
  }
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const tickStep = (w) => STEPS.find((s) => s / view.span * w >= (s < 60 ? 86 : 62)) || 7200;

function ticks(w) {
  const step = tickStep(w);
  const end = viewEnd(), out = [];
  for (let t = Math.ceil((end - view.span) / step) * step; t <= end; t += step) out.push(t);
  return out;
}

// line breaks only where two seconds in a row have no value: one poll may be late.
function line(g, ts, v, y, w, col, dash, filled, h) {
  g.strokeStyle = col;
  g.lineWidth = 1.6;
  g.lineJoin = "round";
  g.setLineDash([[], [5, 3], [1.5, 3], [8, 3, 2, 3]][dash % 4]);
  g.beginPath();
  let pen = false, gap = 0, first = 0, last = 0;
  v.forEach((val, i) => {
    if (!isNum(val)) { if (++gap > 2) pen = false; return; }
    const x = xOf(ts[i], w);
    if (pen) g.lineTo(x, y(val)); else { g.moveTo(x, y(val)); first = first || x; }
    pen = true; gap = 0; last = x;
  });
  g.stroke();
  g.setLineDash([]);
  if (filled && last > first) {
    g.lineTo(last, h - PAD.b);
    g.lineTo(first, h - PAD.b);
    const grad = g.createLinearGradient(0, 0, 0, h);
    grad.addColorStop(0, col + "38");
    grad.addColorStop(1, col + "00");
    g.fillStyle = grad;
    g.fill();
  }
}

function area(g, ts, d, y, w, col, h) {
  const pts = ts.map((t, i) => [xOf(t, w), i]).filter(([, i]) => isNum(d.v[i]));
  if (!pts.length) return;
  g.beginPath();
  pts.forEach(([x, i], k) => k ? g.lineTo(x, y(d.high[i])) : g.moveTo(x, y(d.high[i])));
  for (let k = pts.length - 1; k >= 0; k--) g.lineTo(pts[k][0], d.low ? y(d.low[pts[k][1]]) : h - PAD.b);
  g.closePath();
  g.fillStyle = col + "55";
  g.fill();
  g.beginPath();
  pts.forEach(([x, i], k) => k ? g.lineTo(x, y(d.high[i])) : g.moveTo(x, y(d.high[i])));
  g.strokeStyle = col;
  g.lineWidth = 1.4;
  g.lineJoin = "round";
  g.stroke();
}

function eventLines(g, w, h) {
  const from = viewEnd() - view.span;
  for (const e of state.events) {
    const t = unix(e.time);
    if (t < from || t > viewEnd() || e.severity === "info") continue;
    const x = Math.round(xOf(t, w)) + 0.5;
    g.strokeStyle = sevColor(e.severity) + "88";
    g.lineWidth = 1;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(x, PAD.t - 4);
    g.lineTo(x, h - PAD.b);
    g.stroke();
    g.setLineDash([]);
  }
}

function crosshair(g, w, h, c, data, ts, y) {
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
    if (!isNum(d.v[i])) return;
    g.beginPath();
    g.arc(x, y(d.high[i]), 3, 0, 7);
    g.fillStyle = color(k);
    g.fill();
    g.strokeStyle = css.panel;
    g.stroke();
  });
}

function legend(c) {
  while (c.legend.children.length > c.items.length) c.legend.lastChild.remove();
  const spoken = c.items.map((it, i) => {
    let li = c.legend.children[i];
    if (!li) c.legend.append(li = el("li", "", el("i"), el("span"), el("b")));
    const [mark, name, val] = li.children;
    mark.className = c.dash ? "d" + i % 3 : "";
    mark.style.borderColor = color(i);
    const text = fmt(shownAt(it.name), c.unit);
    if (name.textContent !== it.label) name.textContent = it.label;
    if (val.textContent !== text) val.textContent = text;
    return it.label + " " + text;
  });
  c.canvas.setAttribute("aria-label", c.title + ": " + spoken.join(", "));
}

function spark(canvas, name, col, top) {
  const [g, w, h] = pen(canvas);
  const a = series.get(name);
  if (!a || !w) return;
  const c = { items: [{ name }] };
  const [ts, [d]] = rows(c, w);
  let max = top || 0;
  for (const v of d.v) if (v > max) max = v;
  line(g, ts, d.v, (v) => h - 2 - v / (max * 1.15 || 1) * (h - 4), w, col, 0, true, h);
}
