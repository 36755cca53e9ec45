// Numbers and times as people read them.

const $ = (id) => document.getElementById(id);
const isNum = (v) => typeof v === "number" && !Number.isNaN(v);

// el makes an element; strings become text, never markup.
function el(tag, cls, ...kids) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  e.append(...kids);
  return e;
}

// button makes one that does something.
function button(text, title, fn, cls) {
  const b = el("button", cls || "", text);
  b.type = "button";
  if (title) b.title = title;
  b.addEventListener("click", fn);
  return b;
}

// say changes a text only if it differs, so that a selection survives a tick.
const say = (e, s) => { if (e.textContent !== s) e.textContent = s; };

// byName orders names as people count: n2 before n10.
const byName = new Intl.Collator("en", { numeric: true }).compare;

function digits(v) {
  const a = Math.abs(v);
  return a >= 100 || a === 0 ? v.toFixed(0) : a >= 10 ? v.toFixed(1).replace(/\.0$/, "") : v.toFixed(a >= 1 ? 1 : 2);
}

function scaled(v, base, units) {
  let i = 0;
  while (Math.abs(v) >= base * 0.9995 && i < units.length - 1) { v /= base; i++; }
  return [digits(v), units[i]];
}

const joined = (v, base, list, tail) => { const [n, u] = scaled(v, base, list); return [n + u, tail]; };
const units = {
  pct: (v) => [digits(v), "%"],
  rate: (v) => joined(v, 1000, ["", "k", "M", "G"], "/s"),
  count: (v) => joined(v, 1000, ["", "k", "M", "G"], ""),
  bytes: (v) => scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
  flow: (v) => { const [n, u] = scaled(v, 1024, ["B", "KiB", "MiB", "GiB"]); return [n, u + "/s"]; },
  ms: (v) => v >= 1000 ? [digits(v / 1000), "s"] : [digits(v), "ms"],
  deg: (v) => [digits(v), "°C"],
};

// fmt writes v with its unit; a gap is a dash.
function fmt(v, unit) {
  if (!isNum(v)) return "–";
  const [n, u] = units[unit](v);
  return u ? n + (u[0] === "/" ? u : "\u202f" + u) : n;
}

const whole = (v) => isNum(v) ? Math.round(v).toLocaleString("en-US").replace(/,/g, "\u202f") : "–";
const unix = (iso) => iso && !iso.startsWith("0001") ? Date.parse(iso) / 1000 : 0;
const clock = (t, sec = true) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: sec ? "2-digit" : undefined });
const date = (t) => new Date(t * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });

// when writes a moment as short as the view allows: a time today, a date otherwise.
const when = (t, sec = true) => Math.abs(Date.now() / 1000 - t) < 64800 ? clock(t, sec) : date(t) + " " + clock(t, false);

// span writes a duration in its two largest units.
function span(s) {
  s = Math.max(0, Math.round(s));
  if (s < 60) return s + "\u202fs";
  if (s < 3600) return Math.floor(s / 60) + "\u202fm" + (s < 600 && s % 60 ? " " + (s % 60) + "\u202fs" : "");
  if (s < 86400) return Math.floor(s / 3600) + "\u202fh " + Math.floor(s / 60) % 60 + "\u202fm";
  return Math.floor(s / 86400) + "\u202fd " + Math.floor(s / 3600) % 24 + "\u202fh";
}

const nowS = () => Date.now() / 1000;
const ago = (iso) => unix(iso) ? span(nowS() - unix(iso)) + " ago" : "never";
