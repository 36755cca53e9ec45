// What the stream brings: series by the second, and the newest state of things; and
// what lies further back, asked for when the view goes there.

const HOLD = 3600;
const PAST = ["requests.*", "latency.*", "backend.*.requests", "backends.*", "raft.*", "store.*.lag", "store.*.p99", "visits.rate", "nodes.*", "host.*.cpu",
  "container.*.cpu", "container.*.memory", "cpu.user", "cpu.nice", "cpu.system", "cpu.irq", "cpu.iowait", "cpu.steal", "cpu.busy", "cpu.core.*", "load.1", "load.15", "psi.*",
  "mem.used", "mem.cached", "mem.total", "swap.used", "disk.read", "disk.write", "disk.util", "disk.await", "net.rx", "net.tx", "tcp.retrans", "tcp.established",
  "tcp.time_wait", "procs.running", "procs.blocked", "temp.*"];

const series = new Map(); // name -> values, one a second, at t % HOLD
const state = {
  names: [], newest: 0, reach: HOLD, connected: false, details: null, rules: [], events: [],
  cluster: null, verdict: null, alerts: [], silences: [],
};
const view = { span: 300, end: 0, cursor: 0, node: "" }; // end 0 = live, cursor 0 = none, node "" = the one that answers
let past = null; // {from, step, n, avg, min, max} of a view beyond the last hour

function slots(name) {
  let a = series.get(name);
  if (!a) series.set(name, a = new Float32Array(HOLD).fill(NaN));
  return a;
}

const at = (name, t) => {
  const a = series.get(name);
  return a && t > state.newest - HOLD && t <= state.newest ? a[t % HOLD] : NaN;
};

// now is the newest value of a series, or one just before: the cluster's figures
// may arrive after a tick.
const now = (name) => {
  for (let i = 0; i < 3; i++) { const v = at(name, state.newest - i); if (isNum(v)) return v; }
  return NaN;
};

const viewEnd = () => view.end || state.newest;
const viewStart = () => viewEnd() - view.span;
const inMemory = () => viewStart() >= state.newest - HOLD;

// shownAt is the value under the cross-hair, else the newest.
function shownAt(name) {
  if (!view.cursor) return view.end ? valueAt(name, viewEnd()) : now(name);
  return valueAt(name, view.cursor);
}

function valueAt(name, t) {
  if (inMemory() || !past) return at(name, t);
  const a = past.avg[name], v = a && a[Math.floor((t - past.from) / past.step)];
  return isNum(v) ? v : NaN;
}

// sample cuts the view of a series into steps: for each its least, average and
// greatest value.
function sample(name, step) {
  const out = { avg: [], min: [], max: [] }, start = viewStart(), end = viewEnd();
  const live = inMemory() || !past, a = live ? series.get(name) : past.avg[name];
  const lo = !live && past.min && past.min[name] || a, hi = !live && past.max && past.max[name] || a;
  for (let t = start - start % step; t <= end; t += step) {
    let n = 0, sum = 0, min = NaN, max = NaN;
    if (a && live) {
      for (let s = Math.max(t, state.newest - HOLD + 1); s < t + step && s <= state.newest; s++) {
        const v = a[s % HOLD];
        if (v !== v) continue;
        n++; sum += v;
        if (!(v >= min)) min = v;
        if (!(v <= max)) max = v;
      }
    } else if (a) {
      for (let i = Math.max(0, Math.floor((t - past.from) / past.step)); i < past.n && past.from + i * past.step < t + step; i++) {
        if (!isNum(a[i])) continue;
        n++; sum += a[i];
        if (!(lo[i] >= min)) min = lo[i];
        if (!(hi[i] <= max)) max = hi[i];
      }
    }
    out.avg.push(n ? sum / n : NaN); out.min.push(min); out.max.push(max);
  }
  return out;
}

// advance makes the seconds up to t gaps before anything is stored there.
function advance(t) {
  if (t <= state.newest) return;
  const from = Math.max(state.newest + 1, t - HOLD + 1);
  for (const a of series.values()) for (let i = from; i <= t; i++) a[i % HOLD] = NaN;
  state.newest = t;
}

// fill takes over a stretch of the past; coarse points cover all their seconds.
function fill(f) {
  if (!f || !f.points) return;
  for (const [name, vals] of Object.entries(f.avg)) {
    const a = slots(name);
    vals.forEach((v, i) => {
      for (let k = 0; k < f.step; k++) {
        const t = f.from + i * f.step + k;
        if (t <= state.newest && t > state.newest - HOLD && v !== null) a[t % HOLD] = v;
      }
    });
  }
}

const apiURL = (path, q) => "api/v1/" + path + "?" + new URLSearchParams(view.node ? { ...q, node: view.node } : q);

// load asks for what the view shows and the stream did not bring.
let asked = 0;
async function load() {
  const turn = ++asked, memory = inMemory();
  if (memory) past = null;
  if (!state.newest || memory && view.span <= 900 && !view.end) return;
  const r = await fetch(apiURL("series", { name: PAST.join(","), from: viewStart(), to: viewEnd(), points: 720, minmax: memory ? 0 : 1 }));
  if (!r.ok || turn !== asked) return;
  const f = await r.json();
  if (memory) fill(f); else past = { ...f, n: f.points };
  redraw();
}

// A long view that follows the present is asked for again as time passes.
setInterval(() => { if (!inMemory() && !view.end && !document.hidden) load(); }, 30000);

function takeState(s) {
  if (s.cluster) state.cluster = s.cluster; // a large one does not come each second
  state.verdict = s.verdict; state.alerts = s.alerts || []; state.silences = s.silences || [];
  if (s.events) {
    const known = new Set(state.events.map((e) => e.id));
    state.events.push(...s.events.filter((e) => !known.has(e.id)));
    state.events.sort((a, b) => unix(a.time) - unix(b.time) || a.id - b.id);
  }
}

let stream;
function connect() {
  if (stream) stream.close();
  stream = new EventSource(apiURL("stream", { range: Math.min(view.span, 900), fill: PAST.join(",") }));
  stream.addEventListener("hello", (e) => {
    const h = JSON.parse(e.data);
    series.clear(); // gaps of another life, or another host's values
    state.events = [];
    state.names = h.names; state.reach = h.reach; state.details = h.details; state.rules = h.rules || [];
    state.newest = h.newest;
    takeState(h.state);
    fill(h.fill);
    state.connected = true;
    update();
    if (view.span > 900 || view.end) load();
  });
  stream.addEventListener("names", (e) => { state.names = JSON.parse(e.data).names; });
  stream.addEventListener("news", (e) => { takeState(JSON.parse(e.data)); update(); });
  stream.onmessage = (e) => {
    const m = JSON.parse(e.data);
    if (m.t < state.newest) return connect(); // the clock there was set back
    advance(m.t);
    m.v.forEach((v, i) => { if (v !== null) slots(state.names[i])[m.t % HOLD] = v; });
    takeState(m.state);
    if (m.details) state.details = m.details;
    state.connected = true;
    update();
  };
  stream.onerror = () => { state.connected = false; header(); };
}

// A page nobody looks at needs no stream; it catches up when it is seen again.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream.close(); state.connected = false; } else connect();
});

// act asks the monitor to change something, and says what came of it.
async function act(method, path, body) {
  const r = await fetch("api/v1/" + path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  note(r.ok ? "" : (await r.text()).split("\n")[0]);
}
