// Markets, orders, fills and log as tables. Text goes in as textContent only: nothing a bot says becomes markup.
import { clock, fixed, usd } from "./text.js";

const ROWS_MAX = 60;
const OPEN = new Set(["PENDING_NEW", "OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"]);
const TONES = { FILLED: "up", PARTIALLY_FILLED: "up", OPEN: "live", DENIED: "down", REJECTED: "down", UNKNOWN: "warn" };
const drawn = new Map(); // table -> what it says: one that says the same is left alone
const $ = (id) => document.getElementById(id);

// Draw every table anew the next time: its colours have changed.
export function forgetTables() {
  drawn.clear();
}

export function drawTables(store, view) {
  drawMarkets(store, view);
  drawFills(store, store.fills.filter((l) => view.has(l.event.market_id)));
  drawOrders(store, [...store.orders.values()].filter((l) => view.has(l.event.market_id)));
  drawLog(store, view);
}

function drawMarkets(store, view) {
  const ids = new Set([...store.markets.keys(), ...store.all("polymarket.book.best_bid").map((m) => m.labels.market_id)]);
  const of = (name, id, more = {}) => store.value(name, { market_id: id, ...more });
  const rows = [...ids].filter((id) => view.has(id)).slice(0, ROWS_MAX).map((id) => {
    const bid = of("polymarket.book.best_bid", id), ask = of("polymarket.book.best_ask", id);
    const tick = Number(store.markets.get(id)?.tick ?? 0.01);
    const digits = Math.max(2, Math.ceil(-Math.log10(tick) - 1e-9));
    const held = [["YES", of("polymarket.position.size", id, { side: "YES" })], ["NO", of("polymarket.position.size", id, { side: "NO" })]];
    const pnl = store.sum("strategy.pnl_usd", { market: id });
    return [
      cell(store.marketName(id), { title: id, tone: "grow" }),
      cell(bid ? fixed(bid, digits) : "–", { tone: "r up" }),
      cell(ask && ask < 1 ? fixed(ask, digits) : "–", { tone: "r down" }),
      cell(bid && ask && ask < 1 ? `${fixed((ask - bid) * 100, Math.max(0, digits - 2))}¢` : "–", { tone: "r" }),
      spark(store.mids.get(id) ?? []),
      cell(held.filter(([, n]) => n).map(([side, n]) => `${fixed(n, n % 1 ? 2 : 0)} ${side}`).join(" · ") || "flat", { tone: held.some(([, n]) => n) ? "r" : "r t" }),
      cell(pnl === undefined ? "–" : usd(pnl, 2), { tone: `r wide ${pnl < 0 ? "down" : pnl > 0 ? "up" : ""}` }),
    ];
  });
  fill("b-markets", rows, 7, "no market yet");
  $("n-markets").textContent = ids.size || "";
}

function drawFills(store, fills) {
  const rows = newest(fills).map(({ event: e, timestamp }) => [
    cell(clock(timestamp), { tone: "t" }),
    cell(store.marketName(e.market_id), { title: e.trade_id, tone: "grow" }),
    side(e),
    cell(store.price(e.market_id, e.price), { tone: "r" }),
    cell(e.size, { tone: "r" }),
    cell(e.fee_usd ?? "", { tone: "r wide" }),
    cell([e.liquidity, e.match === "normal" ? "" : e.match].filter(Boolean).join(" ").toLowerCase(), { tone: "wide t" }),
  ]);
  fill("b-fills", rows, 7, "no fill yet");
  $("n-fills").textContent = fills.length ? `newest ${Math.min(fills.length, ROWS_MAX)}` : "";
}

function drawOrders(store, lines) {
  const open = lines.filter((l) => OPEN.has(l.event.state));
  const rest = lines.filter((l) => !OPEN.has(l.event.state));
  const rows = [...newest(open), ...newest(rest)].slice(0, ROWS_MAX).map(({ event: e, timestamp }) => [
    cell(clock(timestamp), { tone: "t wide" }),
    cell(store.marketName(e.market_id), { title: `agbot explain ${e.correlation_id ?? e.client_order_id}`, tone: "grow" }),
    side(e),
    cell(store.price(e.market_id, e.price), { tone: "r" }),
    cell(e.size, { tone: "r" }),
    cell(e.filled, { tone: "r wide" }),
    tag(e.state.replaceAll("_", " ").toLowerCase(), TONES[e.state] ?? ""),
    cell(e.why ?? "", { tone: "wide t why", title: e.why ?? "" }),
  ]);
  fill("b-orders", rows, 8, "no order yet");
  $("n-orders").textContent = lines.length ? `${open.length} open` : "";
}

const LOUD = { error: "down", critical: "down", warning: "warn", denied: "warn" };

function drawLog(store, view) {
  const told = store.log.map((line) => ({ at: line.timestamp, market: line.event.market_id, ...story(store, line) }));
  const wanted = told.filter(({ level, text, market }) =>
    (!market || view.has(market)) && (view.level === "" || (view.level === "risk" ? level === "denied" : level in LOUD)) && (!view.words || text.toLowerCase().includes(view.words)));
  const rows = newest(wanted.sort((a, b) => a.at - b.at)).map(({ at, level, text }) => [
    cell(clock(at), { tone: "t" }), tag(level, LOUD[level] ?? ""), cell(text, { tone: "grow" }),
  ]);
  fill("b-log", rows, 3, told.length ? "nothing of that kind" : "nothing to tell yet");
}

// One line of the log: its level and what it says.
function story(store, { event_type: kind, event: e }) {
  if (kind === "log") return { level: e.level ?? "", text: logText(e) };
  if (kind === "kill_switch") return { level: e.on ? "critical" : "info", text: `kill switch${e.scope ? ` of ${e.scope} ${e.name}` : ""} ${e.on ? "on" : "off"}: ${e.reason ?? ""} (${e.by ?? ""})` };
  if (kind === "decision") return { level: "denied", text: `by ${(e.violated ?? []).join(", ")}: ${e.side} ${e.size} ${e.outcome} at ${e.price}, ${store.marketShort(e.market_id)}` };
  if (kind === "run") return { level: e.exit_code ? "error" : "info", text: `run ended${e.reason ? `: ${e.reason}` : ""}` };
  if (kind === "position_opened" || kind === "position_closed") {
    const realised = kind === "position_closed" && e.realised_usd !== undefined ? `, realised ${usd(Number(e.realised_usd), 2)}` : "";
    return { level: "info", text: `${kind.replace("_", " ")}: ${e.size ?? ""} ${e.outcome ?? ""} at ${e.average_price ?? "–"}${realised}, ${store.marketShort(e.market_id)}` };
  }
  return { level: "info", text: `${kind}  ${logText(e)}` };
}

function logText({ level, event, ...more }) {
  return [event ?? "", ...Object.entries(more).map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)].join("  ");
}

function newest(lines) {
  return lines.slice(-ROWS_MAX).reverse();
}

function fill(id, rows, columns, empty) {
  const body = $(id);
  if (!rows.length) rows = [[Object.assign(cell(empty), { colSpan: columns, className: "none" })]];
  const says = rows.map((cells) => cells.map((c) => c.dataset.says ?? `${c.className} ${c.title} ${c.textContent}`).join("\t")).join("\n");
  if (drawn.get(id) === says) return;
  drawn.set(id, says);
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  }));
}

function cell(text, { tone = "", title = "" } = {}) {
  const made = document.createElement("td");
  made.textContent = text;
  made.className = tone;
  made.title = title;
  return made;
}

function tag(text, tone) {
  const made = cell("");
  made.append(Object.assign(document.createElement("span"), { className: `tag ${tone}`, textContent: text }));
  return made;
}

function side(e) {
  return tag(`${e.side} ${e.outcome}`, e.side === "BUY" ? "up" : "down");
}

function spark(values) {
  const made = Object.assign(document.createElement("td"), { className: "wide" });
  const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 36 });
  canvas.setAttribute("aria-hidden", "true");
  made.dataset.says = values.join(" ");
  made.append(canvas);
  if (values.length < 2) return made;
  const least = Math.min(...values), most = Math.max(...values), height = most - least || 1;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  pen.strokeStyle = style.getPropertyValue(values.at(-1) >= values[0] ? "--up" : "--down");
  pen.lineWidth = 2.4;
  pen.lineJoin = "round";
  pen.beginPath();
  values.forEach((v, i) => pen.lineTo(2 + (i / (values.length - 1)) * 124, most === least ? 18 : 4 + (1 - (v - least) / height) * 28));
  pen.stroke();
  return made;
}
