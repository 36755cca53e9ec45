// Tables: the same numbers for those who would rather read.

const sheets = [
  { id: "backends", title: "Servers", note: "as each proxy sees them, HAProxy's columns", when: () => backendNames().length,
    head: ["server", "proxy", "address", "state", "last check", "weight", "req/s", "cur", "max", "limit", "queue", "conn err", "resp err", "retries", "redisp", "4xx", "5xx", "in", "out", "p99", "last change", "downtime"],
    left: [0, 1, 2, 3, 4], rows: backendRows },
  { id: "stores", title: "Stores", when: () => storeNames().length,
    head: ["store", "address", "state", "term", "commit", "applied", "lag", "contact", "sync p99", "keys", "clients", "data"], left: [0, 1, 2],
    rows: () => (state.cluster.stores || []).map((s) => [s.name, dim(s.addr), st(s.alive ? s.name === state.cluster.leader ? "good" : "info" : "bad", s.alive ? s.name === state.cluster.leader ? "★ leader" : s.state : "✕ dead"),
      s.term, whole(s.commit), whole(s.applied), st(s.lag > 1000 ? "warn" : "", whole(s.lag)), fmt(s.last_contact_ms, "ms"), fmt(now(`store.${s.name}.p99`), "ms"), whole(s.keys), s.clients, fmt(s.bytes, "bytes")]) },
  { id: "hosts", title: "Hosts",
    head: ["host", "cpu", "iowait", "steal", "load", "memory", "swap", "psi c/m/i", "disk", "await", "space", "in", "out", "retrans"], left: [0], rows: hostRows },
  { id: "containers", title: "Containers", empty: "no containers on this host",
    head: ["container", "cpu", "throttled", "memory", "limit", "oom", "read", "write", "in", "out", "psi io"], left: [0],
    rows: () => (state.details?.containers || []).map((c) => { const v = (k) => now(`container.${c.id}.${k}`); return [
      c.name, bar(v("cpu") / (c.cpu_limit || state.details.inventory.cores || 1), fmt(v("cpu"), "pct")), fmt(v("throttled"), "pct"),
      c.memory_limit ? bar(100 * v("memory") / c.memory_limit, fmt(v("memory"), "bytes")) : fmt(v("memory"), "bytes"), c.memory_limit ? fmt(c.memory_limit, "bytes") : "none",
      st(c.oom_kills ? "bad" : "", c.oom_kills), fmt(v("read"), "flow"), fmt(v("write"), "flow"), fmt(v("rx"), "flow"), fmt(v("tx"), "flow"), fmt(v("psi_io"), "pct")]; }) },
  { id: "nodes", title: "Nodes", half: true, when: () => hasCluster() && (state.cluster.nodes || []).length,
    head: ["node", "state", "roles", "admin", "up", "version"], left: [0, 1, 2, 3, 5],
    rows: () => state.cluster.nodes.map((n) => [n.name, st(n.alive ? "good" : "bad", n.alive ? "● alive" : "✕ dead, seen " + ago(n.last_seen)), dim((n.roles || []).join(" ")), dim(n.admin || ""),
      unix(n.started) && n.alive ? span(state.newest - unix(n.started)) : "–", dim(n.version || n.error || "")]) },
  { id: "spaces", title: "File systems", half: true, head: ["mount", "device", "type", "size", "free", "used", "inodes used"], left: [0, 1, 2],
    rows: () => (state.details?.spaces || []).map((s) => [s.mount, dim(s.device), dim(s.fs + (s.read_only ? " ro" : "")), fmt(s.size, "bytes"), fmt(s.avail, "bytes"),
      bar(100 * (1 - s.avail / s.size), fmt(100 * (1 - s.avail / s.size), "pct")), fmt(s.files ? 100 * (1 - s.files_free / s.files) : NaN, "pct")]) },
  { id: "processes", title: "Processes", half: true, head: ["process", "pid", "cpu", "memory", "threads", "state", "command"], left: [0, 6],
    rows: () => (state.details?.processes || []).slice(0, 14).map((p) => [p.name, dim(p.pid), bar(p.cpu * 100, fmt(p.cpu * 100, "pct")), fmt(p.rss, "bytes"), p.threads, dim(p.state), { t: p.command || "", c: "dim cut l", title: p.command }]) },
];

const dim = (t) => ({ t, c: "dim" });
const st = (c, t) => ({ t, c: c ? "s " + c : "" });
const bar = (pct, t) => ({ t, bar: isNum(pct) ? Math.min(Math.max(pct, 0), 100) : 0, c: pct > 90 ? "bad" : pct > 75 ? "warn" : "" });

function backendRows() {
  const out = [];
  for (const p of state.cluster.proxies || []) for (const b of p.backends || []) {
    const [cls, label] = STATES[b.state] || ["info", b.state];
    out.push([b.name, dim(p.name), dim(b.addr), st(p.alive ? cls : "bad", p.alive ? label : "proxy dead"), dim(b.check ? `${b.check} ${fmt(b.check_ms, "ms")}` : ""), b.weight,
      fmt(now(`backend.${b.name}.requests`) / Math.max(1, (state.cluster.proxies || []).filter((x) => x.alive).length), "count"), b.current, b.max, b.limit || "–", b.queue,
      st(b.conn_errors ? "warn" : "", whole(b.conn_errors)), st(b.resp_errors ? "warn" : "", whole(b.resp_errors)), whole(b.retries), whole(b.redispatches), whole(b.codes[3]), whole(b.codes[4]),
      fmt(b.bytes_in, "bytes"), fmt(b.bytes_out, "bytes"), fmt(now(`backend.${b.name}.p99`), "ms"), unix(b.last_change) ? span(state.newest - unix(b.last_change)) : "–", b.downtime_sec ? span(b.downtime_sec) : "–"]);
  }
  return out.sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true }) || a[1].t.localeCompare(b[1].t));
}

function hostRows() {
  const own = { name: state.details?.name || "this host", alive: true, cpu: now("cpu.busy") / 100, iowait: now("cpu.iowait") / 100, steal: now("cpu.steal") / 100, load1: now("load.1"),
    memory: now("mem.used"), memory_max: now("mem.total"), swap: now("swap.used"), psi_cpu: now("psi.cpu") / 100, psi_memory: now("psi.memory") / 100, psi_io: now("psi.io") / 100,
    disk_util: now("disk.util") / 100, disk_await: now("disk.await"), space: Math.max(0, ...(state.details?.spaces || []).map((s) => 1 - s.avail / s.size)), rx: now("net.rx"), tx: now("net.tx"), retrans: now("tcp.retrans") / 100 };
  const others = (state.cluster?.hosts || []).filter((h) => h.name !== own.name);
  const p = (v) => fmt(v * 100, "pct");
  return [own, ...others].map((h) => h.alive ? [h.name, bar(h.cpu * 100, p(h.cpu)), p(h.iowait), p(h.steal), fmt(h.load1, "count"), bar(100 * h.memory / h.memory_max, fmt(h.memory, "bytes")), fmt(h.swap, "bytes"),
    [h.psi_cpu, h.psi_memory, h.psi_io].map((v) => isNum(v) ? Math.round(v * 100) : "–").join(" / "), p(h.disk_util), fmt(h.disk_await, "ms"), bar(h.space * 100, p(h.space)), fmt(h.rx, "flow"), fmt(h.tx, "flow"), p(h.retrans)]
    : [h.name, st("bad", "✕ dead"), ...Array(12).fill("–")]);
}

function buildTables() {
  for (const s of sheets) {
    const head = el("tr", "", ...s.head.map((h, i) => { const th = el("th", s.left.includes(i) ? "l" : "", h); th.scope = "col"; return th; }));
    s.body = el("tbody");
    s.none = el("p", "empty", s.empty || "");
    s.table = el("table", "", el("thead", "", head), s.body);
    s.node = el("section", "panel" + (s.half ? " half" : ""), el("h2", "", s.title, el("small", "", s.note || "")), el("div", "wrap", s.table), s.none);
    $("tables").append(s.node);
  }
  const find = el("input");
  find.type = "search";
  find.placeholder = "filter";
  find.setAttribute("aria-label", "Filter events");
  find.addEventListener("input", drawLog);
  const log = el("ul");
  log.id = "log";
  const node = el("section", "panel half", el("h2", "", find, "Events"), log);
  node.find = find;
  node.id = "log-panel";
  $("tables").append(node);
}

function drawTables() {
  for (const s of sheets) {
    const shown = !s.when || !!s.when();
    s.node.hidden = !shown;
    if (!shown || !state.details) continue;
    const rows = s.rows();
    s.table.hidden = !rows.length;
    s.none.hidden = rows.length > 0 || !s.empty;
    cells(s, rows);
  }
}

// cells changes only what differs, so that a selection survives a tick.
function cells(s, rows) {
  while (s.body.children.length > rows.length) s.body.lastChild.remove();
  rows.forEach((row, r) => {
    const tr = s.body.children[r] || s.body.appendChild(el("tr"));
    row.forEach((cell, i) => {
      const td = tr.children[i] || tr.appendChild(el("td"));
      const o = typeof cell === "object" && cell ? cell : { t: cell };
      const cls = (s.left.includes(i) ? "l " : "") + (o.c || "");
      if (td.className !== cls) td.className = cls;
      if (!td.text) td.append(td.text = document.createTextNode(""));
      if (td.text.data !== String(o.t)) td.text.data = String(o.t);
      if (o.title) td.title = o.title;
      if (o.bar !== undefined) {
        if (!td.bar) td.append(el("span", "bar", td.bar = el("i")));
        td.bar.style.width = o.bar + "%";
      }
    });
  });
}

const MARKS = { good: "✓", info: "·", warn: "!", bad: "✕" };
let logKey = "";
function drawLog() {
  const q = $("log-panel").find.value.toLowerCase();
  const list = state.events.filter((e) => !q || (e.text + e.kind + e.subject).toLowerCase().includes(q)).slice(-200).reverse();
  const key = q + "|" + (list[0]?.id || 0) + "|" + list.length;
  if (key === logKey && list.length) return;
  logKey = key;
  $("log").replaceChildren(...(list.length ? list.map((e) => {
    const time = el("time", "", clock(unix(e.time)));
    time.dateTime = e.time;
    return el("li", e.severity, time, el("i", "", MARKS[e.severity] || "·"), el("span", "", e.text));
  }) : [el("li", "empty", "nothing happened yet")]));
}
