// Tables: the same numbers for those who would rather read.

const dim = (t) => ({ t, c: "dim" });
const st = (c, t) => ({ t, c: c ? "s " + c : "" });
const bar = (pct, t) => ({ t, bar: isNum(pct) ? Math.min(Math.max(pct, 0), 100) : 0, c: pct > 90 ? "bad" : pct > 75 ? "warn" : "" });
const acts = (...list) => ({ t: "", acts: list.filter(Boolean) });
const can = (what) => !view.node && !!state.details?.actions?.[what];

const sheets = [
  { id: "backends", title: "Servers", note: "as each proxy sees them", when: () => backendNames().length,
    head: ["server", "proxy", "address", "state", "check", "", "weight", "req/s", "conns", "queue", "errors", "retries", "2xx", "4xx", "5xx", "in", "out", "p50", "p99", "since", "downtime"],
    left: [0, 1, 2, 3, 4, 5], rows: backendRows,
    tips: { conns: "now / most / limit", errors: "connecting / in the response", retries: "sent again / to another server", since: "the last change of state" } },
  { id: "stores", title: "Stores", when: () => storeNames().length,
    head: ["store", "address", "state", "term", "commit", "applied", "lag", "heard", "sync p99", "cmd/s", "keys", "clients", "data", "on disk"], left: [0, 1, 2],
    rows: () => (state.cluster.stores || []).map((s) => [s.name, dim(s.addr || ""), st(s.alive ? s.name === state.cluster.leader ? "good" : s.voter ? "info" : "warn" : "bad", s.alive ? s.name === state.cluster.leader ? "★ leader" : s.state : "✕ dead"),
      s.term, whole(s.commit), whole(s.applied), st(s.lag > 1000 ? "warn" : "", whole(s.lag)), fmt(s.last_contact_ms, "ms"), fmt(now(`store.${s.name}.p99`), "ms"), fmt(now(`store.${s.name}.commands`), "count"),
      whole(s.keys), s.clients, fmt(s.bytes, "bytes"), fmt(s.disk_bytes, "bytes")]) },
  { id: "hosts", title: "Hosts", note: "choose one to see its charts",
    head: ["host", "", "cpu", "iowait", "steal", "load", "memory", "swap", "psi c/m/i", "disk", "await", "space", "in", "out", "retrans"], left: [0], rows: hostRows },
  { id: "containers", title: "Containers", empty: "no containers on this host",
    head: ["container", "role", "image", "cpu", "throttled", "memory", "limit", "oom", "read", "write", "in", "out", "procs", "psi c/m/i"], left: [0, 1, 2],
    rows: () => (state.details?.containers || []).map((c) => { const v = (k) => now(`container.${c.id}.${k}`); return [
      { t: c.name, title: c.id }, dim((c.roles || []).join(" ") || c.service || ""), { t: c.image || "", c: "dim cut l", title: c.image },
      bar(v("cpu") / (c.cpu_limit || state.details.inventory.cores || 1), fmt(v("cpu"), "pct")), fmt(v("throttled"), "pct"),
      c.memory_limit ? bar(100 * v("memory") / c.memory_limit, fmt(v("memory"), "bytes")) : fmt(v("memory"), "bytes"), c.memory_limit ? fmt(c.memory_limit, "bytes") : "none",
      st(c.oom_kills ? "bad" : "", c.oom_kills), fmt(v("read"), "flow"), fmt(v("write"), "flow"), fmt(v("rx"), "flow"), fmt(v("tx"), "flow"), whole(v("processes")),
      ["cpu", "memory", "io"].map((k) => isNum(v("psi_" + k)) ? Math.round(v("psi_" + k)) : "–").join(" / ")]; }) },
  { id: "nodes", title: "Nodes", half: true, when: () => hasCluster() && (state.cluster.nodes || []).length,
    head: ["node", "state", "roles", "admin", "up", "clock", "version"], left: [0, 1, 2, 3, 6],
    rows: () => state.cluster.nodes.map((n) => [n.name, n.alive ? st("good", "● alive") : n.left ? st("", "◌ stopped " + ago(n.left)) : st("bad", "✕ dead, seen " + ago(n.last_seen)), dim((n.roles || []).join(" ")), dim(n.admin || ""),
      unix(n.started) && n.alive ? span(state.newest - unix(n.started)) : "–", n.alive ? fmt(n.skew_ms, "ms") : "–", { t: n.version || n.error || "", c: "dim cut l", title: n.error }]) },
  { id: "spaces", title: "File systems", half: true, empty: "none can be seen from here", head: ["mount", "device", "type", "size", "free", "used", "inodes", "full in"], left: [0, 1, 2],
    rows: () => (state.details?.spaces || []).map((s) => { const u = now(`space.${s.mount}.used`), h = now(`space.${s.mount}.hours`); return [s.mount, dim(s.device), dim(s.fs + (s.read_only ? " ro" : "")), fmt(s.size, "bytes"), fmt(s.avail, "bytes"),
      bar(u, fmt(u, "pct")), fmt(now(`space.${s.mount}.inodes`), "pct"), isNum(h) ? st(h < 48 ? "warn" : "", span(h * 3600)) : "–"]; }) },
  { id: "processes", title: "Processes", half: true, head: ["process", "pid", "cpu", "memory", "read", "write", "threads", "state", "command"], left: [0, 8],
    rows: () => (state.details?.processes || []).slice(0, 16).map((p) => [p.own ? { t: p.name, c: "own" } : p.name, dim(p.pid), bar(p.cpu * 100 / (state.details.inventory.cores || 1), fmt(p.cpu * 100, "pct")), fmt(p.rss, "bytes"),
      fmt(p.read, "flow"), fmt(p.write, "flow"), p.threads, dim(p.state), { t: p.command || "", c: "dim cut l", title: p.command }]) },
];

function backendRows() {
  const out = [], alive = Math.max(1, (state.cluster.proxies || []).filter((x) => x.alive).length);
  const all = (state.cluster.proxies || []).flatMap((p) => (p.backends || []).map((b) => [b, p])).sort((a, b) => byName(a[0].name, b[0].name) || byName(a[1].name, b[1].name));
  for (const [b, p] of all.slice(0, MOST)) {
    const [cls, label] = stateOf(b.state);
    const drained = b.state === "DRAIN" || b.state === "MAINT";
    out.push([b.name, dim(p.name), dim(b.addr), st(p.alive ? cls : "bad", p.alive ? label : "proxy dead"), dim(b.check ? b.check + (b.check_ms ? " " + fmt(b.check_ms, "ms") : "") : ""),
      acts(can("drain") && [drained ? "ready" : "drain", () => act("POST", "backends/drain", { backend: b.name, drain: !drained })],
        can("weight") && ["weight", () => { const w = prompt(`Weight of ${b.name}, 0 to 256; nothing for its own`, b.weight); if (w !== null && /^\d*$/.test(w.trim())) act("POST", "backends/weight", { backend: b.name, weight: w.trim() ? +w : -1 }); }]),
      b.weight, fmt(now(`backend.${b.name}.requests`) / alive, "count"), `${b.current} / ${b.max} / ${b.limit || "–"}`, b.queue,
      st(b.conn_errors + b.resp_errors ? "warn" : "", `${whole(b.conn_errors)} / ${whole(b.resp_errors)}`), `${whole(b.retries)} / ${whole(b.redispatches)}`, whole(b.codes[1]), whole(b.codes[3]), st(b.codes[4] ? "warn" : "", whole(b.codes[4])),
      fmt(b.bytes_in, "bytes"), fmt(b.bytes_out, "bytes"), fmt(now(`backend.${b.name}.p50`), "ms"), fmt(now(`backend.${b.name}.p99`), "ms"), unix(b.last_change) ? span(state.newest - unix(b.last_change)) : "–", b.downtime_sec ? span(b.downtime_sec) : "–"]);
  }
  out.all = all.length;
  return out;
}

function hostRows() {
  const me = state.details?.name || "this host";
  const own = { name: me, alive: true, cpu: now("cpu.busy") / 100, iowait: now("cpu.iowait") / 100, steal: now("cpu.steal") / 100, load1: now("load.1"),
    memory: now("mem.used"), memory_max: now("mem.total"), swap: now("swap.used"), psi_cpu: now("psi.cpu") / 100, psi_memory: now("psi.memory") / 100, psi_io: now("psi.io") / 100,
    disk_util: now("disk.util") / 100, disk_await: now("disk.await"), space: Math.max(0, ...(state.details?.spaces || []).map((s) => now(`space.${s.mount}.used`) / 100).filter(isNum)), rx: now("net.rx"), tx: now("net.tx"), retrans: now("tcp.retrans") / 100 };
  const others = (state.cluster?.hosts || []).filter((h) => h.name !== own.name);
  const p = (v) => fmt(v * 100, "pct");
  return [own, ...others].sort((a, b) => byName(a.name, b.name)).map((h) => {
    const name = hasCluster() ? { t: "", acts: [[h.name, () => visit(h.name), h.name === me ? "on" : ""]] } : h.name;
    return h.alive ? [name, { t: "", spark: h.name === me ? "cpu.busy" : `host.${h.name}.cpu` }, bar(h.cpu * 100, p(h.cpu)), p(h.iowait), p(h.steal), fmt(h.load1, "count"), bar(100 * h.memory / h.memory_max, fmt(h.memory, "bytes")), fmt(h.swap, "bytes"),
      [h.psi_cpu, h.psi_memory, h.psi_io].map((v) => isNum(v) ? Math.round(v * 100) : "–").join(" / "), p(h.disk_util), fmt(h.disk_await, "ms"), bar(h.space * 100, p(h.space)), fmt(h.rx, "flow"), fmt(h.tx, "flow"), p(h.retrans)]
      : [h.name, "", st("bad", "✕ dead"), ...Array(12).fill("–")];
  });
}

function buildTables() {
  for (const s of sheets) {
    const head = el("tr", "", ...s.head.map((h, i) => { const th = el("th", s.left.includes(i) ? "l" : "", h); th.scope = "col"; if (s.tips && s.tips[h]) th.title = s.tips[h]; return th; }));
    s.body = el("tbody");
    s.none = el("p", "empty", s.empty || "");
    s.more = el("p", "empty");
    s.table = el("table", "", el("thead", "", head), s.body);
    const wrap = el("div", "wrap", s.table);
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", s.title);
    s.node = el("section", "panel" + (s.half ? " half" : ""), el("h3", "", s.title, el("small", "", s.note || "")), wrap, s.none, s.more);
    s.node.id = "t-" + s.id;
    $("tables").append(s.node);
  }
  const find = el("input");
  find.type = "search";
  find.placeholder = "filter";
  find.setAttribute("aria-label", "Filter events");
  find.addEventListener("input", () => drawLog(true));
  const log = el("ul"), links = el("span", "links");
  log.id = "log";
  log.tabIndex = 0;
  for (const f of ["json", "csv"]) {
    const a = el("a", "", f.toUpperCase());
    a.href = "api/v1/events" + (f === "csv" ? "?format=csv" : "");
    links.append(a);
  }
  const node = el("section", "panel half", el("h3", "", "Events", el("span", "tools", links, find)), log);
  node.id = "log-panel";
  node.find = find;
  $("tables").append(node);
}

const MOST = 300; // rows of a table: a page has to stay quick

function drawTables() {
  for (const s of sheets) {
    const shown = !s.when || !!s.when();
    s.node.hidden = !shown;
    if (!shown || !state.details) continue;
    const all = s.rows(), rows = all.slice(0, MOST);
    const more = (all.all || all.length) - rows.length;
    say(s.more, more ? `and ${more} more: api/v1/cluster has all of them` : "");
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
      const td = tr.children[i] || tr.appendChild(el(i ? "td" : "th"));
      if (!i) td.scope = "row";
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
      if (o.spark) {
        if (!td.spark) td.append(td.spark = el("canvas", "mini"));
        spark(td.spark, o.spark, css.c0, 100);
      }
      if (o.acts) {
        const key = o.acts.map((a) => a[0] + (a[2] || "")).join("|");
        td.fns = o.acts;
        if (td.key !== key) {
          td.key = key;
          td.replaceChildren(td.text, ...o.acts.map((a, k) => button(a[0], "", () => td.fns[k][1](), "act " + (a[2] || ""))));
        }
      }
    });
  });
}

const MARKS = { good: "✓", info: "·", warn: "!", bad: "✕" };
let logKey = "";
function drawLog(force) {
  const q = $("log-panel").find.value.toLowerCase();
  const list = state.events.filter((e) => !q || (e.text + " " + e.kind + " " + e.subject).toLowerCase().includes(q)).slice(-200).reverse();
  const key = (list[0]?.id || 0) + "|" + list.length;
  if (key === logKey && !force) return;
  logKey = key;
  $("log").replaceChildren(...(list.length ? list.map(eventItem) : [el("li", "empty", q ? "nothing matches" : "nothing happened yet")]));
}

// eventItem is an event as a line; choosing its time shows the charts around it.
function eventItem(e) {
  const t = unix(e.time), time = el("time", "", when(t));
  time.dateTime = e.time;
  const go = button("", "Show the charts around it", () => { view.cursor = 0; look(300, Math.min(Math.round(t) + 150, state.newest)); $("charts").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" }); }, "time");
  go.append(time);
  const mark = el("i", "", MARKS[e.severity] || "·");
  mark.title = e.kind;
  return el("li", e.severity, go, mark, el("span", "", e.text));
}
