// What the page knows: snapshot and deltas of docs/protocol.md folded into one object. No DOM here.
import { Band, total } from "./series.js";

const KEEP = { orders: 200, fills: 1000, decisions: 100, verdicts: 20_000, log: 300 };
const PRICED_MARKETS = 32;
const WINDOW_MS = 60_000;
const MID_STEP_MS = 500;

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { run: null, connected: false, at: 0, tick: 0, kill: null });
    this.orders = new Map(); // client order id -> event line, oldest change first
    this.fills = [];
    this.decisions = [];
    this.verdicts = []; // [time, allowed, market]
    this.log = []; // lines of every kind that tell something
    this.bands = { pnl: new Band(), drawdown: new Band(), lag: new Band(), rate: new Band(), price: new Band() };
    this.mids = new Map(); // market id -> [mid…], twice a second
    this.midsAt = 0;
    this.#forget();
  }

  // What a snapshot tells anew.
  #forget() {
    this.metrics = new Map(); // key -> {name, labels, kind, value, ts}
    this.byName = new Map(); // name -> [metric…]
    this.markets = new Map();
  }

  apply(frame) {
    if (frame.kind === "snapshot") this.#snapshot(frame);
    this.at = frame.at;
    this.tick = frame.tick;
    this.connected = frame.connected;
    for (const [name, labels, kind, value, ts] of frame.metrics) this.#metric(name, labels, kind, value, ts, frame.kind);
    for (const line of frame.events ?? []) this.#event(line);
    if (this.connected) this.#record();
  }

  all(name) {
    return this.byName.get(name) ?? [];
  }

  value(name, labels = {}) {
    return this.#matching(name, labels)[0]?.value;
  }

  sum(name, labels = {}) {
    const found = this.#matching(name, labels);
    return found.length ? found.reduce((sum, m) => sum + m.value, 0) : undefined;
  }

  killed() {
    return this.value("polymarket.risk.kill_switch") ?? (this.kill ? Number(this.kill.event.on) : undefined);
  }

  get oldest() {
    return Math.min(...Object.values(this.bands).map((band) => band.oldest));
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

  // Observations of a histogram, of one market or of all, added up.
  histogram(name, market) {
    const found = this.all(name).filter((m) => !market || m.labels.market === market).map((m) => m.value);
    return found.length ? found.reduce(added) : null;
  }

  #matching(name, labels) {
    const wanted = Object.entries(labels);
    return this.all(name).filter((m) => wanted.every(([k, v]) => m.labels[k] === v));
  }

  // Another run clears the page; the same one, told by a monitor that came back, goes on where it was. A monitor that
  // came back before its bot knows nothing: the last values stay.
  #snapshot(frame) {
    if (this.run && !frame.run && !frame.metrics.length) return;
    const same = this.run && frame.run && this.run.run_id === frame.run.run_id;
    if (same) this.#forget();
    else this.clear();
    this.run = frame.run ?? this.run;
    this.kill = frame.kill_switch ?? (same ? this.kill : null);
    this.markets = new Map(Object.entries(frame.markets));
    for (const line of frame.orders) this.#event(line);
    for (const kind of ["fills", "decisions"]) this.#retell(kind, frame[kind]);
    const told = [...frame.logs, ...(frame.kill_switch ? [frame.kill_switch] : [])];
    for (const line of fresh(this.log, told)) this.#tell(line);
    if (!same) this.#load(frame.series);
  }

  #retell(kind, lines) {
    for (const line of fresh(this[kind], lines)) this.#event(line);
  }

  #load(told) {
    const series = Object.entries(told).map(([key, points]) => [key.split("|")[0], JSON.parse(key.slice(key.indexOf("|") + 1)), points]);
    const of = (name, label) => series.filter(([n]) => n === name).map(([, labels, points]) => [label(labels), points]);
    const pnl = of("strategy.pnl_usd", (l) => l.market ?? "");
    const markets = Map.groupBy(pnl, ([market]) => market);
    this.bands.pnl.load([["", total(pnl)], ...[...markets].map(([market, lines]) => [market, total(lines)])].filter(([, points]) => points.length));
    this.bands.drawdown.load(of("risk.current_drawdown", () => ""));
    this.bands.lag.load(of("polymarket.rtds.lag_ms", (l) => l.topic ?? ""));
    this.bands.rate.load(of("polymarket.rtds.msgs_per_second", () => ""));
    this.bands.price.load(["bid", "ask"].flatMap((side) => of(`polymarket.book.best_${side}`, (l) => `${l.market_id}|${side}`)));
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
    if (line.event_type === "run") this.#enter(line);
    else if (line.event_type === "market") this.markets.set(event.market_id, event);
    else if (line.event_type === "order") {
      this.orders.delete(event.client_order_id);
      this.orders.set(event.client_order_id, line);
      if (this.orders.size > KEEP.orders) this.orders.delete(this.orders.keys().next().value);
    } else if (line.event_type === "fill") push(this.fills, line, KEEP.fills);
    else if (line.event_type === "decision") this.#decide(line);
    else this.#tell(line);
  }

  #enter(line) {
    const ends = line.event.ended && !this.run?.ended;
    this.run = { ...this.run, ended: false, ...line.event };
    if (ends) this.#tell(line);
  }

  #decide(line) {
    push(this.decisions, line, KEEP.decisions);
    push(this.verdicts, [line.timestamp, Boolean(line.event.allowed), line.event.market_id], KEEP.verdicts);
    if (!line.event.allowed) this.#tell(line);
  }

  #tell(line) {
    if (line.event_type === "kill_switch" && !line.event.scope) this.kill = line;
    push(this.log, line, KEEP.log);
  }

  #record() {
    const { pnl, drawdown, lag, rate, price } = this.bands;
    lag.add(this.at, this.all("polymarket.rtds.lag_ms").map((m) => [m.labels.topic ?? "", m.value]));
    rate.add(this.at, this.all("polymarket.rtds.msgs_per_second").map((m) => ["", m.value]));
    drawdown.add(this.at, this.all("risk.current_drawdown").map((m) => ["", m.value]));
    pnl.add(this.at, this.#pnl());
    price.add(this.at, this.#prices());
    if (this.at - this.midsAt < MID_STEP_MS) return;
    this.midsAt = this.at;
    this.#midpoints();
  }

  #pnl() {
    const sums = new Map();
    for (const { labels, value } of this.all("strategy.pnl_usd")) {
      for (const key of ["", labels.market]) if (key !== undefined) sums.set(key, (sums.get(key) ?? 0) + value);
    }
    return [...sums];
  }

  #prices() {
    return ["bid", "ask"].flatMap((side) => this.all(`polymarket.book.best_${side}`).slice(0, PRICED_MARKETS)
      .filter((m) => m.value > 0 && m.value < 1).map((m) => [`${m.labels.market_id}|${side}`, m.value]));
  }

  #midpoints() {
    for (const { labels, value } of this.all("polymarket.book.best_bid").slice(0, PRICED_MARKETS)) {
      const ask = this.value("polymarket.book.best_ask", { market_id: labels.market_id });
      if (!this.mids.has(labels.market_id)) this.mids.set(labels.market_id, []);
      if (ask !== undefined) push(this.mids.get(labels.market_id), (value + ask) / 2, WINDOW_MS / MID_STEP_MS);
    }
  }
}

// Lines that are not known yet; numbered ones are told apart by their number, others by all they say.
function fresh(known, lines) {
  const seen = new Set(known.map(identity));
  return lines.filter((line) => !seen.has(identity(line)));
}

function identity(line) {
  return line.seq ? `${line.run_id} ${line.seq}` : JSON.stringify(line);
}

function push(list, item, most) {
  list.push(item);
  if (list.length > most) list.splice(0, list.length - most);
}

function added(a, b) {
  const buckets = new Map(a.buckets);
  for (const [k, n] of b.buckets ?? []) buckets.set(k, (buckets.get(k) ?? 0) + n);
  return {
    count: a.count + b.count, sum: a.sum + b.sum, min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), last: b.last,
    buckets: [...buckets].sort(([x], [y]) => x - y),
  };
}
