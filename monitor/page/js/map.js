// The map: proxies -> servers -> stores, with wires that show where traffic goes.

const cards = new Map(); // "kind/name" -> element

const SHOWN = 12; // cards of a kind that are well; all others are shown, up to thrice as many
const kinds = { proxy: {}, server: {}, store: {} };

function card(kind, name, cls, status, text) {
  const key = kind + "/" + name, k = kinds[kind], fine = cls === "good" || cls === "info" || cls === "off";
  if (++k[fine ? "fine" : "odd"] > SHOWN * (fine ? 1 : 3)) return null;
  let c = cards.get(key);
  if (!c) {
    c = el("div", "node", el("span", "st"), el("b", "", name), el("p"));
    cards.set(key, c);
    $("col-" + kind).append(c);
  }
  c.className = "node " + cls;
  c.fresh = true;
  say(c.children[0], status);
  say(c.children[2], text);
  c.title = name + ": " + status + ", " + text;
  return c;
}

const STATES = {
  UP: ["good", "● UP"], DOWN: ["bad", "✕ DOWN"], DRAIN: ["warn", "◐ DRAIN"], MAINT: ["warn", "◌ MAINT"], NEW: ["info", "◌ CHECK"],
  CHECKING: ["info", "◌ CHECK"], REFUSING: ["warn", "! REFUSES"], LEAVING: ["info", "◐ LEAVING"],
};
const stateOf = (s) => STATES[s] || ["info", s];

// servers are backends and counters together: one card for each name.
function servers(cl) {
  const all = new Map();
  const get = (n) => all.get(n) || all.set(n, { name: n, backends: [] }).get(n);
  const at = new Map(); // address -> name
  for (const p of cl.proxies || []) {
    for (const b of p.backends || []) {
      get(b.name).backends.push({ ...b, proxy: p });
      if (b.addr) at.set(b.addr, b.name);
    }
  }
  for (const c of cl.counters || []) {
    const same = all.get(c.name) || all.get(at.get(c.addr));
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
  return [...all.values()].sort((a, b) => byName(a.name, b.name));
}

const leftNodes = (cl) => new Set((cl.nodes || []).filter((n) => !n.alive && n.left).map((n) => n.name));

function drawMap() {
  $("cluster").hidden = !hasCluster();
  if (!hasCluster()) return;
  const cl = state.cluster, wires = [], left = leftNodes(cl);
  const gone = (name, seen) => left.has(name) ? ["off", "◌ STOPPED", ago(seen)] : ["bad", "✕ DEAD", unix(seen) ? "last seen " + ago(seen) : "not heard of yet"];
  for (const c of cards.values()) c.fresh = false;
  for (const k in kinds) kinds[k] = { fine: 0, odd: 0 };
  const list = servers(cl);
  const total = list.reduce((s, x) => s + (now(`backend.${x.name}.requests`) || 0), 0);
  for (const p of [...cl.proxies || []].sort((a, b) => byName(a.name, b.name))) {
    const from = card("proxy", p.name, ...(p.alive ? ["good", "● UP", `${fmt(now(`proxy.${p.name}.requests`), "rate")} · ${p.connections} conns`] : gone(p.name, p.last_seen)));
    for (const b of p.backends || []) wires.push([from, "server/" + b.name, p.alive && b.state === "UP" ? "flow" : "dead", now(`backend.${b.name}.requests`) / (total || 1)]);
  }
  for (const s of list) {
    const req = now(`backend.${s.name}.requests`);
    const [cls, label] = s.state === "DOWN" && left.has(s.name) ? ["off", "◌ STOPPED"] : stateOf(s.state);
    const from = card("server", s.name, cls, label, s.state === "DOWN"
      ? [s.check, s.since ? span(state.newest - s.since) : ""].filter(Boolean).join(" · ") || "not reachable"
      : s.backends.length ? `${fmt(req, "rate")} · ${total > 0 ? Math.round(100 * req / total) : 0}\u202f% · p50 ${fmt(now(`backend.${s.name}.p50`), "ms")}`
        : `${fmt(now(`counter.${s.name}.visits`), "rate")} visits`);
    if (s.counter && s.state !== "DOWN" && cl.leader) wires.push([from, "store/" + cl.leader, "write", req / (total || 1)]);
  }
  for (const s of cl.stores || []) {
    const lead = s.name === cl.leader;
    const from = card("store", s.name, ...(!s.alive ? gone(s.name, s.last_seen)
      : lead ? ["good lead", "★ LEADER", `term ${s.term} · commit ${whole(s.commit)}`]
        : [s.voter ? "info" : "warn", (s.voter ? "● " : "○ ") + (s.state || "follower").toUpperCase(), `applied ${whole(s.applied)} · lag ${whole(s.lag)}`]));
    if (!lead && cl.leader) wires.push([from, "store/" + cl.leader, s.alive ? "repl" : "dead", 0]);
  }
  for (const [key, c] of cards) if (!c.fresh) { c.remove(); cards.delete(key); }
  for (const k in kinds) {
    const col = $("col-" + k), fine = kinds[k].fine - SHOWN, odd = kinds[k].odd - 3 * SHOWN;
    col.hidden = !kinds[k].fine && !kinds[k].odd;
    more(col, [fine > 0 ? `${fine} more are well` : "", odd > 0 ? `${odd} more are not` : ""].filter(Boolean).join(", "));
  }
  const nodes = (cl.nodes || []).filter((n) => !n.left);
  say($("map-note"), cl.error ? "this is old: " + cl.error : nodes.length ? `${nodes.filter((n) => n.alive).length} of ${nodes.length} nodes alive` : "");
  drawWires(wires);
}

// more tells at the end of a column of those that are not shown.
function more(col, text) {
  let p = col.querySelector(".empty");
  if (!p) col.append(p = el("p", "empty"));
  if (p !== col.lastChild) col.append(p);
  say(p, text);
}

function drawWires(wires) {
  const svg = $("wires"), box = svg.getBoundingClientRect();
  if (!box.width) return;
  const want = [];
  for (const [a, key, cls, weight] of wires) {
    const b = cards.get(key);
    if (!a || !b) continue;
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    let d;
    if (p.left === q.left) { // follower to leader: a bow at the right edge
      const x = p.right - box.left, y1 = p.top + p.height / 2 - box.top, y2 = q.top + q.height / 2 - box.top;
      const k = 12 + Math.abs(y1 - y2) / 14;
      d = `M${x} ${y1}C${x + k} ${y1} ${x + k} ${y2} ${x} ${y2}`;
    } else {
      const x1 = p.right - box.left, y1 = p.top + p.height / 2 - box.top, x2 = q.left - box.left, y2 = q.top + q.height / 2 - box.top, m = (x1 + x2) / 2;
      d = `M${x1} ${y1}C${m} ${y1} ${m} ${y2} ${x2} ${y2}`;
    }
    const width = 1.2 + Math.min(isNum(weight) ? weight : 0, 1) * 3.4;
    want.push([d, cls, width]);
    if ((cls === "flow" || cls === "write") && weight > 0) want.push([d, cls + " move", Math.min(width + 0.8, 3)]);
  }
  while (svg.children.length > want.length) svg.lastChild.remove();
  want.forEach(([d, cls, width], i) => {
    let path = svg.children[i];
    if (!path) svg.append(path = document.createElementNS("http://www.w3.org/2000/svg", "path"));
    for (const [k, v] of [["d", d], ["class", cls]]) if (path.getAttribute(k) !== v) path.setAttribute(k, v);
    path.style.strokeWidth = width.toFixed(1);
  });
}
