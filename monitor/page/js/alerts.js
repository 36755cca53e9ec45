// Alerts: what is raised, what is silenced, and what watches.

function buildAlerts() {
  const hours = [["1 h", 3600], ["24 h", 86400]];
  state.silence = (a, s) => act("POST", "silences", { rule: a.rule, subject: a.subject || "", node: a.cluster ? "" : a.node, until: new Date(Date.now() + s * 1000).toISOString() });
  state.hours = hours;
}

let alertKey = "";
function drawAlerts() {
  const list = state.alerts, box = $("alerts");
  box.hidden = !list.length && !state.silences.length;
  const key = JSON.stringify([list.map((a) => [a.rule, a.subject, a.node, a.severity, a.silenced, a.text]), state.silences, can("silence")]);
  if (key === alertKey) { for (const t of box.querySelectorAll("[data-since]")) say(t, "for " + span(nowS() - t.dataset.since)); return; }
  alertKey = key;
  $("alert-list").replaceChildren(...list.map(alertItem), ...state.silences.map(silenceItem));
}

function alertItem(a) {
  const crit = a.severity === "crit";
  const since = el("span", "dim", "for " + span(nowS() - a.since));
  since.dataset.since = a.since;
  const li = el("li", a.silenced ? "off" : crit ? "bad" : "warn",
    el("b", "s", a.silenced ? "◌ SILENCED" : crit ? "✕ CRITICAL" : "! WARNING"), el("span", "grow", a.text), el("span", "dim", a.node), since);
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
