// What the page knows: snapshot and deltas of docs/protocol.md folded into one object. No DOM here.
const KEEP = { orders: 200, fills: 200, decisions: 100, logs: 100 };
const WINDOW_MS = 60_000;
const PNL_STEP_MS = 500;
const PNL_POINTS = 1800; // fifteen minutes

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { run: null, connected: false, at: 0, tick: 0, kill: null });
    this.metrics = new Map(); // key -> {name, labels, kind, value, ts}
    this.byName = new Map(); // name -> [metric…]
    this.markets = new Map();
    this.orders = new Map(); // client order id -> event line, oldest change first
    this.fills = [];
    this.decisions = [];
    this.logs = [];
    this.lag = new History();
    this.rate = new History();
    this.mids = new Map(); // market id -> [mid…], twice a second
    this.pnl = { at: [], value: [] };
  }

  apply(frame) {
    if (frame.kind === "snapshot") this.#snapshot(frame);
    this.at = frame.at;
    this.tick = frame.tick;
    this.connected = frame.connected;
    for (const [name, labels, kind, value, ts] of frame.metrics) this.#metric(name, labels, kind, value, ts, frame.kind);
    for (const line of frame.events ?? []) this.#event(line);
    this.#record();
  }

  all(name) {
    return this.byName.get(name) ?? [];
  }

  value(name, labels = {}) {
    const wanted = Object.entries(labels);
    return this.all(name).find((m) => wanted.every(([k, v]) => m.labels[k] === v))?.value;
  }

  sum(name, labels = {}) {
    const wanted = Object.entries(labels);
    const found = this.all(name).filter((m) => wanted.every(([k, v]) => m.labels[k] === v));
    return found.length ? found.reduce((total, m) => total + m.value, 0) : undefined;
  }

  killed() {
    return this.value("polymarket.risk.kill_switch") ?? (this.kill ? Number(this.kill.event.on) : undefined);
  }

  marketName(id) {
    const market = this.markets.get(id);
    return market?.question || market?.slug || id;
  }

  marketShort(id) {
    const { slug, question } = this.markets.get(id) ?? {};
    return slug && (!question || slug.length < question.length) ? slug : question || id;
  }

  // Decimal text of a price, as long as the market's tick asks.
  price(id, text) {
    const places = (String(this.markets.get(id)?.tick ?? "0.01").split(".")[1] ?? "").length;
    const [whole, part = ""] = String(text).split(".");
    return `${whole}.${part.padEnd(places, "0")}`;
  }

  #snapshot(frame) {
    this.clear();
    this.run = frame.run;
    this.kill = frame.kill_switch;
    this.markets = new Map(Object.entries(frame.markets));
    for (const line of frame.orders) this.orders.set(line.event.client_order_id, line);
    Object.assign(this, { fills: [...frame.fills], decisions: [...frame.decisions], logs: [...frame.logs] });
    const series = Object.entries(frame.series).map(([key, points]) => [key.split("|")[0], JSON.parse(key.slice(key.indexOf("|") + 1)), points]);
    this.lag.load(series.filter(([name]) => name === "polymarket.rtds.lag_ms"));
    this.rate.load(series.filter(([name]) => name === "polymarket.rtds.msgs_per_second"));
    const pnl = new History();
    pnl.load(series.filter(([name]) => name === "strategy.pnl_usd"));
    this.pnl.at = pnl.at;
    this.pnl.value = pnl.at.map((_, i) => pnl.columns().reduce((total, column) => total + (column[i] ?? 0), 0));
  }

  #metric(name, labels, kind, value, ts, frameKind) {
    const key = name + JSON.stringify(Object.entries(labels).sort());
    const known = this.metrics.get(key);
    if (!known) {
      const metric = { name, labels, kind, value, ts };
      this.metrics.set(key, metric);
      if (!this.byName.has(name)) this.byName.set(name, []);
      this.byName.get(name).push(metric);
      return;
    }
    known.ts = ts;
    known.value = kind === "histogram" && frameKind === "delta" ? added(known.value, value) : value;
  }

  #event(line) {
    const event = line.event;
    if (line.event_type === "run") this.run = { ...this.run, ...event };
    else if (line.event_type === "market") this.markets.set(event.market_id, event);
    else if (line.event_type === "kill_switch") this.kill = line;
    else if (line.event_type === "order") {
      this.orders.delete(event.client_order_id);
      this.orders.set(event.client_order_id, line);
      if (this.orders.size > KEEP.orders) this.orders.delete(this.orders.keys().next().value);
    } else {
      const list = { fill: "fills", decision: "decisions", log: "logs" }[line.event_type];
      if (list) push(this[list], line, KEEP[list]);
    }
  }

  #record() {
    if (!this.connected) return;
    this.lag.add(this.at, this.all("polymarket.rtds.lag_ms").map((m) => [m.labels.topic ?? "", m.value]));
    this.rate.add(this.at, this.all("polymarket.rtds.msgs_per_second").map((m) => ["", m.value]));
    const pnl = this.sum("strategy.pnl_usd");
    if (pnl === undefined || this.at - (this.pnl.at.at(-1) ?? 0) < PNL_STEP_MS) return;
    push(this.pnl.at, this.at, PNL_POINTS);
    push(this.pnl.value, pnl, PNL_POINTS);
    for (const { labels, value } of this.all("polymarket.book.best_bid")) {
      const ask = this.value("polymarket.book.best_ask", { market_id: labels.market_id });
      if (!this.mids.has(labels.market_id)) this.mids.set(labels.market_id, []);
      if (ask !== undefined) push(this.mids.get(labels.market_id), (value + ask) / 2, WINDOW_MS / PNL_STEP_MS);
    }
  }
}

// Columns over one time axis, the last 60 s.
class History {
  at = [];
  lines = new Map(); // label -> values, as long as `at`

  columns() {
    return [...this.lines.values()];
  }

  load(series) {
    const times = new Set(series.flatMap(([, , points]) => points.map(([t]) => t)));
    this.at = [...times].sort((a, b) => a - b);
    for (const [, labels, points] of series) {
      const known = new Map(points);
      const name = Object.values(labels).sort().join(" ");
      this.lines.set(labels.topic ?? name, this.at.map((t) => known.get(t) ?? null));
    }
  }

  add(at, values) {
    const known = new Map(values);
    for (const label of known.keys()) if (!this.lines.has(label)) this.lines.set(label, this.at.map(() => null));
    this.at.push(at);
    for (const [label, column] of this.lines) column.push(known.get(label) ?? null);
    let old = 0;
    while (this.at[old] < at - WINDOW_MS) old++;
    if (old < 50) return; // cut now and then, not at every tick
    this.at.splice(0, old);
    for (const column of this.lines.values()) column.splice(0, old);
  }
}

function push(list, item, most) {
  list.push(item);
  if (list.length > most) list.splice(0, list.length - most);
}

function added(a, b) {
  return { count: a.count + b.count, sum: a.sum + b.sum, min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), last: b.last };
}
