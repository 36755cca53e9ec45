// Cross-hair, zoom and the URL that holds the view.

const drag = { on: false, from: 0, to: 0 };

function pointer(canvas) {
  const time = (e) => {
    const r = canvas.getBoundingClientRect();
    return tOf(Math.min(Math.max(e.clientX - r.left, 0), r.width), r.width);
  };
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    drag.on = true;
    drag.from = drag.to = time(e);
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    view.cursor = Math.min(time(e), state.newest);
    if (drag.on) drag.to = view.cursor;
    tip(e);
    redraw();
  });
  canvas.addEventListener("pointerleave", () => { view.cursor = 0; $("tip").hidden = true; redraw(); });
  canvas.addEventListener("pointerup", () => {
    if (!drag.on) return;
    drag.on = false;
    const a = Math.min(drag.from, drag.to), b = Math.max(drag.from, drag.to);
    if (b - a >= 5) look(b - a, b);
    redraw();
  });
  canvas.addEventListener("dblclick", () => look(view.span < 60 ? 300 : view.span, 0));
}

// tip shows the events near the cross-hair.
function tip(e) {
  const near = Math.max(1.5, view.span / 120);
  const hits = state.events.filter((x) => Math.abs(unix(x.time) - view.cursor) <= near).slice(-4);
  const t = $("tip");
  t.hidden = !hits.length;
  if (!hits.length) return;
  t.replaceChildren(...hits.map((x) => el("p", x.severity, clock(unix(x.time)) + "  " + x.text)));
  const w = t.offsetWidth;
  t.style.left = Math.min(e.clientX + 14, innerWidth - w - 8) + "px";
  t.style.top = e.clientY + 14 + "px";
}

const RANGES = [[60, "1m"], [300, "5m"], [900, "15m"], [3600, "1h"]];

// look moves the view: span seconds up to end, 0 meaning now.
function look(seconds, end) {
  view.span = Math.min(Math.max(seconds, 5), HOLD);
  view.end = end;
  view.cursor = 0;
  const hash = view.end ? `#span=${view.span}&end=${view.end}` : view.span === 300 ? "" : `#span=${view.span}`;
  history.replaceState(null, "", location.pathname + location.search + hash);
  header();
  redraw();
  load();
}

function readHash() {
  const q = new URLSearchParams(location.hash.slice(1));
  view.span = Math.min(Math.max(+q.get("span") || 300, 5), HOLD);
  view.end = Math.max(+q.get("end") || 0, 0);
}

addEventListener("hashchange", () => { readHash(); header(); redraw(); load(); });
addEventListener("keydown", (e) => {
  if (e.target.tagName === "INPUT" || e.ctrlKey || e.metaKey || e.altKey) return;
  const step = e.shiftKey ? 10 : 1;
  switch (e.key) {
    case "ArrowLeft": view.cursor = Math.max((view.cursor || viewEnd()) - step, viewEnd() - view.span); break;
    case "ArrowRight": view.cursor = Math.min((view.cursor || viewEnd()) + step, viewEnd()); break;
    case "Escape": look(view.span < 60 ? 300 : view.span, 0); return;
    case "1": case "2": case "3": case "4": look(RANGES[e.key - 1][0], 0); return;
    case "t": theme(); return;
    default: return;
  }
  if (e.target.tagName !== "CANVAS" && e.target !== document.body) { /* arrows also scroll tables */ }
  e.preventDefault();
  redraw();
});
