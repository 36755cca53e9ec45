// What the stream brings: series by the second, and the newest state of things.

const HOLD = 3600;
const PAST = ["requests.*", "latency.*", "backend.*", "raft.*", "store.*", "visits.*", "counter.*", "proxy.*", "host.*", "container.*",
  "cpu.user", "cpu.nice", "cpu.system", "cpu.irq", "cpu.iowait", "cpu.steal", "cpu.busy", "load.*", "psi.*", "mem.*", "swap.*",
  "disk.read", "disk.write", "disk.util", "disk.await", "net.rx", "net.tx", "tcp.retrans", "tcp.established", "procs.*"];

const series = new Map(); // name -> values, one a second, at t % HOLD
const state = { names: [], cluster: null, details: null, events: [], newest: 0, connected: false };
const view = { span: 300, end: 0, cursor: 0 }; // end 0 = live, cursor 0 = none

function slots(name) {
  let a = series.get(name);
  if (!a) series.set(name, a = new Float32Array(HOLD).fill(NaN));
  return a;
}

const at = (name, t) => {
  const a = series.get(name);
  return a && t > state.newest - HOLD && t <= state.newest ? a[t % HOLD] : NaN;
};

// now is the newest value of a series, or the one before: the cluster's figures
// may arrive just after a tick.
const now = (name) => {
  for (let i = 0; i < 3; i++) { const v = at(name, state.newest - i); if (isNum(v)) return v; }
  return NaN;
};

const viewEnd = () => view.end || state.newest;
const shownAt = (name) => view.cursor ? at(name, view.cursor) : now(name);

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
  advance(f.from + f.step * f.points - 1 > state.newest ? Math.min(f.from + f.step * f.points - 1, Math.floor(Date.now() / 1000)) : state.newest);
  for (const [name, vals] of Object.entries(f.avg)) {
    const a = slots(name);
    vals.forEach((v, i) => {
      for (let k = 0; k < f.step; k++) {
        const t = f.from + i * f.step + k;
        if (t <= state.newest && t > state.newest - HOLD) a[t % HOLD] = v === null ? NaN : v;
      }
    });
  }
}

// load asks for what the view shows and the stream did not bring.
async function load() {
  const q = new URLSearchParams({ name: PAST.join(","), from: viewEnd() - view.span, to: viewEnd(), points: 900 });
  const r = await fetch("api/v1/series?" + q);
  if (r.ok) { fill(await r.json()); redraw(); }
}

let stream;
function connect() {
  if (stream) stream.close();
  stream = new EventSource("api/v1/stream?" + new URLSearchParams({ range: Math.min(view.span, 900), fill: PAST.join(",") }));
  stream.addEventListener("hello", (e) => {
    const h = JSON.parse(e.data);
    state.names = h.names;
    state.cluster = h.cluster;
    state.details = h.details;
    state.events = h.events;
    fill(h.fill);
    state.connected = true;
    update();
    if (view.span > 900 || view.end) load();
  });
  stream.addEventListener("names", (e) => { state.names = JSON.parse(e.data).names; });
  stream.onmessage = (e) => {
    const m = JSON.parse(e.data);
    advance(m.t);
    m.v.forEach((v, i) => { if (v !== null) slots(state.names[i])[m.t % HOLD] = v; });
    if (m.cluster) state.cluster = m.cluster;
    if (m.details) state.details = m.details;
    if (m.events) {
      const last = state.events.length ? state.events[state.events.length - 1].id : 0;
      state.events.push(...m.events.filter((x) => x.id > last));
    }
    state.connected = true;
    update();
  };
  stream.onerror = () => { state.connected = false; header(); };
}

// A page nobody looks at needs no stream; it catches up when it is seen again.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream.close(); state.connected = false; } else connect();
});
