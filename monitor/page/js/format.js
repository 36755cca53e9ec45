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

function digits(v) {
  const a = Math.abs(v);
  return a >= 100 || a === 0 ? v.toFixed(0) : a >= 10 ? v.toFixed(1).replace(/\.0$/, "") : v.toFixed(a >= 1 ? 1 : 2);
}

function scaled(v, base, units) {
  let i = 0;
  while (Math.abs(v) >= base * 0.9995 && i < units.length - 1) { v /= base; i++; }
  return [digits(v), units[i]];
}

const units = {
  pct: (v) => [digits(v), "%"],
  rate: (v) => { const [n, u] = scaled(v, 1000, ["", "k", "M", "G"]); return [n + u, "/s"]; },
  count: (v) => { const [n, u] = scaled(v, 1000, ["", "k", "M", "G"]); return [n + u, ""]; },
  bytes: (v) => scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
  flow: (v) => { const [n, u] = scaled(v, 1024, ["B", "KiB", "MiB", "GiB"]); return [n, u + "/s"]; },
  ms: (v) => v >= 1000 ? [digits(v / 1000), "s"] : [digits(v), "ms"],
};

// fmt writes v with its unit; a gap is a dash.
function fmt(v, unit) {
  if (!isNum(v)) return "–";
  const [n, u] = units[unit](v);
  return u ? n + (u[0] === "/" ? u : " " + u) : n;
}

const whole = (v) => isNum(v) ? Math.round(v).toLocaleString("en-US").replace(/,/g, "\u202f") : "–";
const clock = (t, sec = true) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: sec ? "2-digit" : undefined });
const unix = (iso) => iso && !iso.startsWith("0001") ? Date.parse(iso) / 1000 : 0;

// span writes a duration in its two largest units.
function span(s) {
  s = Math.max(0, Math.round(s));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " m" + (s < 600 && s % 60 ? " " + (s % 60) + " s" : "");
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " m";
  return Math.floor(s / 86400) + " d " + Math.floor(s / 3600) % 24 + " h";
}
