// Alerts: what is raised, what is silenced, and what watches.

function buildAlerts() {
  const hours = [["1 h", 3600], ["24 h", 86400]];
  state.silence = (a, s) => act("POST", "silences", { rule: a.rule, subject: a.subject || "", node: a.cluster ? "" : a.node, until: new Date(Date.now() + s * 1000).toISOString() });
  state.hours = hours;
}

let alertKey = "";
function drawAlerts() {
  const list = gathered(state.alerts), box = $("alerts");
  box.hidden = !list.length && !state.silences.length;
  const key = JSON.stringify([list.map((a) => [a.rule, a.subject, a.nodes, a.severity, a.silenced, a.text]), state.silences, can("silence")]);
  if (key === alertKey) { for (const t of box.querySelectorAll("[data-since]")) say(t, "for " + span(nowS() - t.dataset.since)); return; }
  alertKey = key;
  $("alert-list").replaceChildren(...list.map(alertItem), ...state.silences.map(silenceItem));
}

// gathered makes one of the alerts that several nodes raise by the same rule, the worst
// of them first; and of very many, those that matter most.
function gathered(alerts) {
  const all = new Map();
  for (const a of alerts) {
    const key = [a.rule, a.subject, a.severity, a.silenced].join("\n"), g = all.get(key);
    if (g) { g.nodes.push(a.node); g.since = Math.min(g.since, a.since); } else all.set(key, { ...a, nodes: [a.node] });
  }
  const rank = (a) => (a.silenced ? 0 : a.severity === "crit" ? 2 : 1);
  const list = [...all.values()].sort((a, b) => rank(b) - rank(a)), more = list.length - 12;
  if (more > 1) list.splice(12, more, { more });
  return list;
}

function alertItem(a) {
  if (a.more) return el("li", "", el("span", "dim", `and ${a.more} more, in the event log below`));
  const crit = a.severity === "crit";
  const since = el("span", "dim", "for " + span(nowS() - a.since));
  since.dataset.since = a.since;
  const li = el("li", a.silenced ? "off" : crit ? "bad" : "warn",
    el("b", "s", a.silenced ? "◌ SILENCED" : crit ? "✕ CRITICAL" : "! WARNING"), el("span", "grow", a.text), el("span", "dim", a.nodes.length > 4 ? a.nodes.length + " nodes" : a.nodes.join(", ")), since);
  if (a.nodes.length > 1) a.node = ""; // a silence is for all of them
  li.title = state.rules.find((r) => r.startsWith(a.rule + ":")) || a.rule;
  if (can("silence") && !a.silenced) {
    const box = el("span", "tools", "silence ");
    for (const [label, s] of state.hours) box.append(button(label, `Tell nobody of it for ${label}`, () => state.silence(a, s), "act"));
    li.append(box);
  }
  return li;
}

function silenceItem(s) {
  const what = [s.rule === "*" ? "every alert" : s.rule, s.subject, s.node && "on " + s.node].filter(Boolean).join(" ");
  const li = el("li", "off", el("b", "s", "◌ SILENCE"), el("span", "grow", what + (s.why ? " – " + s.why : "")), el("span", "dim", "until " + when(unix(s.until), false)));
  if (can("silence")) li.append(el("span", "tools", button("end", "Tell people again", () => act("DELETE", "silences?id=" + encodeURIComponent([s.node || "", s.rule, s.subject || ""].join("/"))), "act")));
  return li;
}
