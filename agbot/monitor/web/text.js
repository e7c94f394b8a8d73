// Numbers and times as people read them.
const money = new Map();

export function usd(value, digits) {
  if (value == null || Number.isNaN(value)) return "–";
  const places = digits ?? (Math.abs(value) < 10 && value % 1 ? 2 : 0);
  if (!money.has(places)) money.set(places, new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places }));
  const shown = money.get(places).format(Math.abs(value));
  return `${value < 0 && /[1-9]/.test(shown) ? "−" : ""}$${shown}`;
}

export function fixed(value, digits) {
  if (value == null || Number.isNaN(value)) return "–";
  return (value || 0).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }).replace("-", "−");
}

export function clock(ms) {
  return ms == null ? "" : new Date(ms).toLocaleTimeString("en-GB");
}

// A time of today as a clock shows it, an older one with its day.
export function since(ms) {
  const day = new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return day === new Date().toLocaleDateString("en-GB", { day: "numeric", month: "short" }) ? clock(ms) : `${day} ${clock(ms)}`;
}

export function shorten(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1).trimEnd()}…`;
}

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}
