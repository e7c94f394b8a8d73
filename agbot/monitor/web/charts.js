// The charts: what each shows, from the store, the history and what the reader picked.
import { bar, css, across, axis, base, curve, fade, flat, Frame, padded, seconds, timeAxis, triangles, unit, zeroLine } from "./plot.js";
import { total } from "./series.js";
import { clock, fixed, shorten, usd } from "./text.js";

const $ = (id) => document.getElementById(id);
const BARS_MAX = 8;
const WINDOW_LEAST_MS = 60_000;
const BUCKETS = 60; // of the decisions' timeline
const TONES = ["--accent", "--second", "--warn", "--up"];
const percent = (v) => `${fixed(v, Math.abs(v) < 1 ? 2 : 1)} %`;

export class Charts {
  constructor(store, view, history) {
    Object.assign(this, { store, view, history, from: 0, to: 0 });
    this.frame = new Frame();
    this.points = this.frame.points;
  }

  rebuild() {
    this.frame.rebuild();
  }

  draw() {
    if (!this.store.at) return;
    this.to = this.store.at;
    const oldest = Math.min(this.store.oldest, this.history.oldest);
    this.from = Math.min(Math.max(this.to - this.view.spanMs, oldest), this.to - WINDOW_LEAST_MS);
    this.#pnl();
    this.#drawdown();
    this.#lines("lag", this.store.bands.lag, this.#past("polymarket.rtds.lag_ms", "max", (l) => l.topic ?? ""), (v) => `${fixed(v, v < 10 ? 1 : 0)} ms`);
    this.#lines("rate", this.store.bands.rate, this.#past("polymarket.rtds.msgs_per_second", "mean", () => ""), (v) => fixed(v, 0));
    this.#price();
    this.#position();
    this.#decisions();
    this.#latency();
  }

  #past(name, field, label) {
    return this.history.lines(name, field).map(([labels, points]) => [label(labels), points]);
  }

  #time(more = {}) {
    return { x: { time: true, range: () => [this.from / 1000, this.to / 1000] }, ...more };
  }

  #pnl() {
    const { market } = this.view;
    const past = this.history.lines("strategy.pnl_usd", "last").filter(([labels]) => !market || labels.market === market);
    const { at, lines } = this.store.bands.pnl.since(this.from, past.length ? [[market, total(past)]] : []);
    const value = lines.get(market) ?? at.map(() => null);
    const known = value.filter((v) => v != null);
    const last = known.at(-1) ?? 0;
    const tone = last < 0 ? "--down" : "--up";
    this.frame.show("pnl", [at.map(seconds), value], known.length ? tone : "", () => ({
      ...base(), scales: this.#time({ y: { range: padded(0.02) } }),
      series: [{}, { ...curve(tone), width: 2, fill: fade(css(tone)) }],
      axes: [timeAxis(), axis({ size: 62, space: 34, values: (u, v, i, room, step) => v.map((x) => usd(x, unit(step))) })],
      hooks: { draw: [zeroLine] },
    }), () => spans([["total", value]], (v) => usd(v, 2)), known.length);
    this.frame.keys("pnl", known.length ? [["", "now", usd(last, 2)], ["", "high", usd(greatest(known), 2)], ["", "low", usd(least(known), 2)]] : []);
  }

  #drawdown() {
    const { at, lines } = this.store.bands.drawdown.since(this.from, this.#past("risk.current_drawdown", "max", () => ""));
    const value = (lines.get("") ?? []).map((v) => (v == null ? null : -100 * v));
    const known = value.filter((v) => v != null);
    this.frame.show("drawdown", [at.map(seconds), value], "", () => ({
      ...base(), scales: this.#time({ y: { range: (u, min) => [Math.min(min ?? 0, -0.01) * 1.15, 0] } }),
      series: [{}, { ...curve("--down"), width: 1.6, fill: css("--down-soft") }],
      axes: [timeAxis(), axis({ size: 58, space: 30, values: (u, v, i, room, step) => v.map((x) => `${fixed(x, unit(step))} %`) })],
    }), () => spans([["drawdown", value]], percent), known.length);
    this.frame.keys("drawdown", known.length ? [["", "now", percent(-known.at(-1))], ["", "worst", percent(-least(known))]] : []);
  }

  #lines(name, band, past, text) {
    const { at, lines } = band.since(this.from, past);
    const labels = [...lines.keys()], columns = [...lines.values()];
    const tones = name === "rate" ? ["--up"] : TONES;
    const tone = (i) => tones[i % tones.length];
    this.frame.show(name, [at.map(seconds), ...columns], labels.join("|"), () => ({
      ...base(), scales: this.#time({ y: { range: padded(0.15) } }),
      series: [{}, ...labels.map((_, i) => ({ ...curve(tone(i)), width: 1.6, fill: labels.length === 1 ? fade(css(tone(0))) : undefined }))],
      axes: [timeAxis(), axis({ size: 44, space: 26, values: (u, v, i, room, step) => v.map((x) => fixed(x, unit(step))) })],
    }), () => spans(labels.map((label, i) => [label || "all", columns[i]]), text));
    const newest = columns.map((column) => column.findLast((v) => v != null));
    this.frame.keys(name, labels.map((label, i) => [tone(i), label, newest[i] == null ? "–" : text(newest[i])]));
  }

  #price() {
    const market = this.view.priced(this.store);
    const past = ["bid", "ask"].flatMap((side) => this.history.lines(`polymarket.book.best_${side}`, "last")
      .filter(([labels]) => labels.market_id === market).map(([, points]) => [`${market}|${side}`, points.filter(([, v]) => v > 0 && v < 1)]));
    const { at, lines } = this.store.bands.price.since(this.from, past);
    const none = at.map(() => null);
    const bid = lines.get(`${market}|bid`) ?? none, ask = lines.get(`${market}|ask`) ?? none;
    const known = [...bid, ...ask].filter((v) => v != null);
    this.fills = this.store.fills.filter((l) => l.event.market_id === market && l.timestamp >= this.from).map(asYes);
    this.frame.show("price", [at.map(seconds), bid, ask], known.length ? market : "", () => ({
      ...base(),
      scales: this.#time({ y: { range: (u, min, max) => priceRange(min, max, this.fills) } }),
      series: [{}, { ...flat("--accent"), width: 1.5 }, { ...flat("--second"), width: 1.5 }],
      axes: [timeAxis(), axis({ size: 52, space: 30, values: (u, v, i, room, step) => v.map((x) => fixed(x, Math.max(2, unit(step)))) })],
      hooks: { draw: [(u) => triangles(u, this.fills)] },
    }), () => spans([["bid", bid], ["ask", ask]], (v) => fixed(v, 3)), known.length);
    $("price-market").textContent = shorten(this.store.marketShort(market), 44);
    const bought = this.fills.filter((f) => f.up).length;
    const now = (column) => fixed(column.findLast((v) => v != null), 3);
    this.frame.keys("price", known.length ? [["--accent", "bid", now(bid)], ["--second", "ask", now(ask)], ["", "▲ bought", bought], ["", "▼ sold", this.fills.length - bought]] : []);
  }

  #position() {
    const rows = this.#positionRows();
    const columns = [rows.map((_, i) => i), rows.map((r) => r.yes || null), rows.map((r) => (r.no ? -r.no : null))];
    const names = rows.map((r) => shorten(r.name, 20));
    this.frame.show("position", columns, names.join("|"), () => ({
      ...base(),
      padding: [4, 16, 0, 0],
      cursor: { show: false },
      scales: {
        x: { time: false, ori: 1, dir: -1, range: [-0.5, Math.max(rows.length, 4) - 0.5] },
        y: { ori: 0, range: (u, min, max) => [Math.min(min ?? 0, 0) * 1.2, Math.max(max ?? 0, 0) * 1.2 || 1] },
      },
      series: [{}, bar("--up"), bar("--down")],
      axes: [
        axis({ side: 3, size: 134, gap: 8, grid: { show: false }, splits: () => names.map((_, i) => i), values: () => names }),
        axis({ side: 2, size: 24, space: 50, values: (u, v) => v.map((x) => fixed(Math.abs(x), 0)) }),
      ],
      hooks: { draw: [across] },
    }), () => [["market", "YES", "NO"], ...rows.map((r) => [r.name, fixed(r.yes, 0), fixed(r.no, 0)])]);
    const sum = (side) => rows.reduce((all, r) => all + r[side], 0);
    this.frame.keys("position", rows.length ? [["--up", "YES", fixed(sum("yes"), 0)], ["--down", "NO", fixed(sum("no"), 0)]] : []);
  }

  #positionRows() {
    const shown = [...this.store.markets.keys()].filter((id) => this.view.has(id)).slice(0, BARS_MAX);
    const rows = new Map(shown.map((id) => [id, { yes: 0, no: 0 }]));
    for (const { labels, value } of this.store.all("polymarket.position.size")) {
      if (!this.view.has(labels.market_id) || (!rows.has(labels.market_id) && (!value || rows.size >= BARS_MAX))) continue;
      const row = rows.get(labels.market_id) ?? { yes: 0, no: 0 };
      row[labels.side === "NO" ? "no" : "yes"] = value;
      rows.set(labels.market_id, row);
    }
    return [...rows].map(([id, row]) => ({ ...row, name: this.store.marketShort(id) }));
  }

  #decisions() {
    const step = (this.to - this.from) / BUCKETS;
    const first = Math.floor(this.from / step);
    const allowed = new Array(BUCKETS + 1).fill(0), denied = new Array(BUCKETS + 1).fill(0);
    for (const [at, yes, no] of this.#verdicts()) {
      const i = Math.floor(at / step) - first;
      if (i < 0 || i > BUCKETS) continue;
      allowed[i] += yes;
      denied[i] += no;
    }
    const yes = sumOf(allowed), no = sumOf(denied);
    const columns = [allowed.map((_, i) => seconds((first + i + 0.5) * step)), allowed.map((n) => n || null), denied.map((n) => (n ? -n : null))];
    this.frame.show("decisions", columns, "", () => ({
      ...base(), scales: this.#time({ y: { range: (u, min, max) => [Math.min(min ?? 0, 0) * 1.15, Math.max(max ?? 0, 1) * 1.15] } }),
      series: [{}, bar("--up", 0.8), bar("--down", 0.8)],
      axes: [timeAxis(), axis({ size: 44, space: 26, values: (u, v) => v.map((x) => (x % 1 ? "" : fixed(Math.abs(x), 0))) })],
      hooks: { draw: [zeroLine] },
    }), () => [["", "allowed", "denied"], ["in this range", yes, no]], yes + no);
    this.frame.keys("decisions", yes + no ? [["--up", "allowed", fixed(yes, 0)], ["--down", "denied", fixed(no, 0)]] : []);
    $("n-decisions").textContent = this.#lastDenied();
  }

  // [time, allowed, denied]: what the store had before the page saw any, then each one.
  *#verdicts() {
    const { verdicts } = this.store;
    const seenFrom = verdicts[0]?.[0] ?? Infinity;
    for (const [labels, points] of this.history.points("polymarket.risk.decision")) {
      if (!this.view.has(labels.market_id)) continue;
      for (const [at, observed, , , mean] of points) {
        const yes = Math.round(observed * mean);
        if (at < seenFrom) yield [at, yes, observed - yes];
      }
    }
    for (const [at, yes, market] of verdicts) if (at >= this.from && this.view.has(market)) yield [at, yes ? 1 : 0, yes ? 0 : 1];
  }

  #lastDenied() {
    const line = this.store.decisions.findLast((l) => !l.event.allowed && this.view.has(l.event.market_id));
    if (!line) return "";
    const e = line.event;
    return `${clock(line.timestamp)} denied by ${(e.violated ?? []).join(", ")}: ${e.side} ${e.size} ${e.outcome} at ${e.price}, ${this.store.marketShort(e.market_id)}`;
  }

  #latency() {
    const seen = this.store.histogram("exec.latency_ms", this.view.market);
    const buckets = new Map(seen?.buckets ?? []);
    const ks = [...buckets.keys()];
    const first = Math.min(...ks) - 3, count = ks.length ? Math.max(...ks) + 3 - first + 1 : 0;
    const columns = [Array.from({ length: count }, (_, i) => first + i + 0.5), Array.from({ length: count }, (_, i) => buckets.get(first + i) ?? null)];
    this.frame.show("latency", columns, `${first} ${count}`, () => ({
      ...base(), scales: { x: { time: false, range: [first, first + count] }, y: { range: (u, min, max) => [0, (max ?? 1) * 1.12] } },
      series: [{}, bar("--accent", 0.9, 1)],
      axes: [
        axis({ splits: () => marks(first, count), values: (u, v) => v.map((k) => brief(2 ** (k / 4))), grid: { show: false } }),
        axis({ size: 44, space: 26, values: (u, v) => v.map((x) => (x % 1 ? "" : fixed(x, 0))) }),
      ],
    }), () => [["ms", "orders"], ...[...buckets].map(([k, n]) => [brief(2 ** (k / 4)), n])], seen?.count ?? 0);
    const ms = (v) => `${brief(v)} ms`;
    this.frame.keys("latency", seen ? [["", "p50", ms(quantile(seen, 0.5))], ["", "p99", ms(quantile(seen, 0.99))], ["", "worst", ms(seen.max)]] : []);
  }
}

const sumOf = (list) => list.reduce((all, n) => all + n, 0);
const greatest = (list) => list.reduce((a, b) => Math.max(a, b), -Infinity);
const least = (list) => list.reduce((a, b) => Math.min(a, b), Infinity);
const brief = (v) => (v < 1 ? fixed(v, 2) : v < 10 ? fixed(v, 1) : fixed(v, 0));

// A fill as one of YES: buying NO at q is selling YES at 1 − q.
function asYes({ timestamp, event: e }) {
  const no = e.outcome === "NO";
  return { at: seconds(timestamp), price: no ? 1 - e.price : Number(e.price), up: (e.side === "BUY") !== no };
}

function priceRange(min, max, fills) {
  const prices = [min, max, ...fills.map((f) => f.price)].filter((v) => v != null);
  if (!prices.length) return [0, 1];
  const low = least(prices), high = greatest(prices), room = Math.max((high - low) * 0.15, 0.004);
  return [Math.max(0, low - room), Math.min(1, high + room)];
}

// At most five marks, on whole powers of the buckets' factor.
function marks(first, count) {
  const step = Math.max(1, Math.ceil(count / 5));
  return Array.from({ length: Math.floor(count / step) + 1 }, (_, i) => first + i * step);
}

// The upper edge of the bucket in which the q-th part of all lies, within what was seen.
function quantile({ buckets, count, min, max }, q) {
  let left = Math.ceil(q * count);
  for (const [k, n] of buckets) if ((left -= n) <= 0) return Math.min(max, Math.max(min, 2 ** ((k + 1) / 4)));
  return max;
}

// Without uPlot: newest, least and greatest of each line.
function spans(lines, text) {
  const rows = lines.map(([label, column]) => {
    const known = column.filter((v) => v != null);
    return [label, ...(known.length ? [known.at(-1), least(known), greatest(known)].map(text) : ["–", "–", "–"])];
  });
  return [["", "now", "least", "greatest"], ...rows];
}
