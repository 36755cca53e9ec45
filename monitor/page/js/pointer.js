// Cross-hair, zoom and the URL that holds the view.

const drag = { on: false, from: 0, to: 0 };

function pointer(canvas, left = PAD.l) {
  const time = (e) => {
    const r = canvas.getBoundingClientRect();
    return Math.min(Math.max(tOf(e.clientX - r.left, r.width, left), viewStart()), viewEnd());
  };
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button || e.pointerType === "touch") return;
    drag.on = true;
    drag.from = drag.to = time(e);
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    view.cursor = time(e);
    if (drag.on) drag.to = view.cursor;
    tip(e);
    redraw();
  });
  canvas.addEventListener("pointerleave", () => { view.cursor = 0; $("tip").hidden = true; redraw(); });
  canvas.addEventListener("pointerup", () => {
    if (!drag.on) return;
    drag.on = false;
    const a = Math.min(drag.from, drag.to), b = Math.max(drag.from, drag.to);
    if ((b - a) / view.span > 0.01 && b - a >= 5) look(b - a, b);
    redraw();
  });
  canvas.addEventListener("dblclick", () => look(Math.max(view.span, 60), 0));
}

// tip shows the time and the events near the cross-hair.
function tip(e) {
  const near = Math.max(1.5, view.span / 120);
  const hits = state.events.filter((x) => Math.abs(unix(x.time) - view.cursor) <= near).slice(-5);
  const t = $("tip");
  t.hidden = false;
  t.replaceChildren(el("b", "", when(view.cursor)), ...hits.map((x) => el("p", x.severity, el("i", "", MARKS[x.severity]), " " + x.text)));
  const w = t.offsetWidth;
  t.style.left = (e.clientX + 14 + w > innerWidth - 8 ? Math.max(8, e.clientX - w - 14) : e.clientX + 14) + "px";
  t.style.top = Math.min(e.clientY + 14, innerHeight - t.offsetHeight - 8) + "px";
}

const RANGES = [[300, "5m"], [3600, "1h"], [86400, "24h"], [604800, "7d"], [2592000, "30d"]];

// look moves the view: span seconds up to end, 0 meaning now.
function look(seconds, end) {
  view.span = Math.min(Math.max(Math.round(seconds), 5), Math.max(state.reach, HOLD));
  view.end = end;
  view.cursor = 0;
  keepURL();
  header();
  redraw();
  load();
}

// visit shows the host of another node, through its own monitor.
function visit(node) {
  view.node = node;
  keepURL();
  connect();
}

function keepURL() {
  const q = new URLSearchParams();
  if (view.span !== 300) q.set("span", view.span);
  if (view.end) q.set("end", view.end);
  if (view.node) q.set("node", view.node);
  history.replaceState(null, "", location.pathname + location.search + (q.size ? "#" + q : ""));
}

function readURL() {
  const q = new URLSearchParams(location.hash.slice(1));
  view.span = Math.min(Math.max(+q.get("span") || 300, 5), 40 * 86400);
  view.end = Math.max(+q.get("end") || 0, 0);
  view.node = q.get("node") || "";
}

addEventListener("hashchange", () => {
  const node = view.node;
  readURL();
  if (node !== view.node) connect();
  header(); redraw(); load();
});

function zoom(f) {
  const middle = view.cursor || (view.end ? viewEnd() - view.span / 2 : viewEnd()), s = view.span * f;
  const end = Math.round(view.cursor || view.end ? middle + s / 2 : 0);
  look(s, end >= state.newest ? 0 : end);
}

addEventListener("keydown", (e) => {
  if (/INPUT|SELECT|TEXTAREA/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
  const step = Math.max(1, Math.round(view.span / (e.shiftKey ? 30 : 300)));
  switch (e.key) {
    case "ArrowLeft": view.cursor = Math.max((view.cursor || viewEnd()) - step, viewStart()); break;
    case "ArrowRight": view.cursor = Math.min((view.cursor || viewEnd()) + step, viewEnd()); break;
    case "Escape": look(Math.max(view.span, 60), 0); return;
    case "+": case "=": zoom(0.5); return;
    case "-": zoom(2); return;
    case "1": case "2": case "3": case "4": case "5": look(RANGES[e.key - 1][0], 0); return;
    case "t": theme(); return;
    case "n": numbers(); return;
    default: return;
  }
  if (e.target.closest(".wrap")) return; // arrows scroll a table
  e.preventDefault();
  redraw();
});
