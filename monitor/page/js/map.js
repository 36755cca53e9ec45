// The map: proxies -> servers -> stores, with wires that show where traffic goes.

const hasCluster = () => !!state.cluster && ["nodes", "proxies", "counters", "stores"].some((k) => (state.cluster[k] || []).length);
const cards = new Map(); // "kind/name" -> element

function card(kind, name, cls, status, text) {
  const key = kind + "/" + name;
  let c = cards.get(key);
  if (!c) {
    c = el("div", "node", el("span", "st"), el("b", "", name), el("p"));
    cards.set(key, c);
    $("col-" + kind).append(c);
  }
  c.className = "node " + cls;
  c.fresh = true;
  const set = (e, s) => { if (e.textContent !== s) e.textContent = s; };
  set(c.children[0], status);
  set(c.children[2], text);
  c.title = name + ": " + status + ", " + text;
  return c;
}

const STATES = { UP: ["good", "● UP"], DOWN: ["bad", "✕ DOWN"], DRAIN: ["warn", "◐ DRAIN"], MAINT: ["warn", "◌ MAINT"], CHECKING: ["info", "◌ CHECK"] };

// servers are backends and counters together: one card for each name.
function servers(cl) {
  const all = new Map();
  const get = (n) => all.get(n) || all.set(n, { name: n, backends: [] }).get(n);
  for (const p of cl.proxies || []) for (const b of p.backends || []) get(b.name).backends.push({ ...b, proxy: p });
  for (const c of cl.counters || []) {
    const same = all.get(c.name) || [...all.values()].find((s) => s.backends.some((b) => b.addr && b.addr === c.addr));
    (same || get(c.name)).counter = c;
  }
  for (const s of all.values()) {
    const live = s.backends.filter((b) => b.proxy.alive);
    const up = live.find((b) => b.state === "UP");
    s.state = up ? "UP" : live.length ? live[0].state : s.counter && s.counter.alive ? "UP" : "DOWN";
    if (s.counter && !s.counter.alive) s.state = "DOWN";
    s.check = (live.find((b) => b.state !== "UP") || {}).check || "";
    s.since = Math.max(0, ...live.map((b) => unix(b.last_change)));
  }
  return [...all.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

function drawMap() {
  $("cluster").hidden = !hasCluster();
  if (!hasCluster()) return;
  const cl = state.cluster, wires = [];
  for (const c of cards.values()) c.fresh = false;
  const list = servers(cl);
  const total = list.reduce((s, x) => s + (now(`backend.${x.name}.requests`) || 0), 0);
  for (const p of cl.proxies || []) {
    const from = card("proxy", p.name, p.alive ? "good" : "bad", p.alive ? "● UP" : "✕ DEAD",
      p.alive ? `${fmt(now(`proxy.${p.name}.requests`), "rate")} · ${p.connections} conns` : "last seen " + ago(p.last_seen));
    for (const b of p.backends || []) wires.push([from, "counter/" + b.name, p.alive && b.state === "UP" ? "flow" : "dead", now(`backend.${b.name}.requests`) / (total || 1)]);
  }
  for (const s of list) {
    const [cls, label] = STATES[s.state] || ["info", s.state];
    const req = now(`backend.${s.name}.requests`);
    const from = card("counter", s.name, cls, label, s.state === "DOWN"
      ? [s.check, s.since ? span(state.newest - s.since) : ""].filter(Boolean).join(" · ") || "not reachable"
      : s.backends.length ? `${fmt(req, "rate")} · ${total > 0 ? Math.round(100 * req / total) : 0} % · ${fmt(now(`backend.${s.name}.p50`), "ms")}`
        : `${fmt(now(`counter.${s.name}.visits`), "rate")} visits`);
    if (s.counter && s.state !== "DOWN" && cl.leader) wires.push([from, "store/" + cl.leader, "write", req / (total || 1)]);
  }
  for (const s of cl.stores || []) {
    const lead = s.name === cl.leader;
    const from = card("store", s.name, !s.alive ? "bad" : lead ? "good lead" : s.voter ? "info" : "warn",
      !s.alive ? "✕ DEAD" : lead ? "★ LEADER" : (s.voter ? "" : "○ ") + (s.state || "follower"),
      !s.alive ? "last seen " + ago(s.last_seen) : lead ? `term ${s.term} · commit ${whole(s.commit)} · sync ${fmt(now(`store.${s.name}.p99`), "ms")}`
        : `applied ${whole(s.applied)} · lag ${whole(s.lag)} · ${fmt(s.last_contact_ms, "ms")}`);
    if (!lead && cl.leader) wires.push([from, "store/" + cl.leader, s.alive ? "repl" : "dead", 0]);
  }
  for (const [key, c] of cards) if (!c.fresh) { c.remove(); cards.delete(key); }
  for (const k of ["proxy", "counter", "store"]) $("col-" + k).hidden = $("col-" + k).children.length < 2;
  $("map-note").textContent = cl.error ? "state is old: " + cl.error : (cl.nodes || []).length ? `${cl.nodes.filter((n) => n.alive).length} of ${cl.nodes.length} nodes` : "";
  drawWires(wires);
}

const ago = (iso) => unix(iso) ? span(Date.now() / 1000 - unix(iso)) + " ago" : "never";

function drawWires(wires) {
  const svg = $("wires"), box = svg.getBoundingClientRect();
  if (!box.width) return;
  const want = [];
  for (const [a, key, cls, weight] of wires) {
    const b = cards.get(key);
    if (!b) continue;
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    let d;
    if (cls === "repl" || (p.left === q.left)) { // follower to leader: a bow at the right edge
      const x = p.right - box.left, y1 = p.top + p.height / 2 - box.top, y2 = q.top + q.height / 2 - box.top;
      const k = 14 + Math.abs(y1 - y2) / 14;
      d = `M${x} ${y1}C${x + k} ${y1} ${x + k} ${y2} ${x} ${y2}`;
    } else {
      const x1 = p.right - box.left, y1 = p.top + p.height / 2 - box.top, x2 = q.left - box.left, y2 = q.top + q.height / 2 - box.top, m = (x1 + x2) / 2;
      d = `M${x1} ${y1}C${m} ${y1} ${m} ${y2} ${x2} ${y2}`;
    }
    const width = 1.2 + Math.min(isNum(weight) ? weight : 0, 1) * 4;
    want.push([d, cls, width]);
    if ((cls === "flow" || cls === "write") && weight > 0) want.push([d, cls + " move", Math.min(width + 0.8, 3.4)]);
  }
  while (svg.children.length > want.length) svg.lastChild.remove();
  want.forEach(([d, cls, width], i) => {
    let path = svg.children[i];
    if (!path) svg.append(path = document.createElementNS("http://www.w3.org/2000/svg", "path"));
    for (const [k, v] of [["d", d], ["class", cls], ["stroke-width", width.toFixed(1)]]) if (path.getAttribute(k) !== v) path.setAttribute(k, v);
    path.style.strokeWidth = width.toFixed(1);
  });
}
