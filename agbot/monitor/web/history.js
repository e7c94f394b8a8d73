// What the bot's store has kept, asked of the monitor: one answer for each metric that a chart shows.
const NAMES = [
  "strategy.pnl_usd", "risk.current_drawdown", "polymarket.rtds.lag_ms", "polymarket.rtds.msgs_per_second", "polymarket.risk.decision",
];
const PRICES = ["polymarket.book.best_bid", "polymarket.book.best_ask"];
const POINTS = 600;
const AGAIN_MS = 300_000;
const FAILED_MS = 10_000; // until the next try after an answer that was none
const ANSWER_MS = 15_000;

export class History {
  past = new Map(); // name -> [[labels, [[time, observed, min, max, mean, last]…]]…]
  kept = null; // whether there is a store; null while that is not known
  failed = "";
  #asked = new AbortController();
  #until = 0;

  constructor(changed) {
    this.changed = changed;
  }

  // Ask whether there is a store: a page must not ask for what is not there.
  async meet() {
    try {
      this.kept = (await answer("/healthz", AbortSignal.timeout(ANSWER_MS))).history;
    } catch {
      this.kept = null; // the monitor is away; it is asked again when it is back
    }
    this.#until = 0;
    this.changed();
  }

  // Load what `spanMs` before `now` needs; nothing when it is there, or when there is no store.
  async load(spanMs, market, now) {
    if (!this.kept || now < this.#until) return;
    this.#until = now + AGAIN_MS;
    this.#asked.abort();
    this.#asked = new AbortController();
    const signal = this.#asked.signal;
    const past = new Map();
    try {
      for (const name of market ? [...NAMES, ...PRICES] : NAMES) {
        const wanted = new URLSearchParams({ name, from: Math.floor(now - spanMs), to: Math.ceil(now), points: POINTS });
        if (PRICES.includes(name)) wanted.set("market", market);
        past.set(name, (await answer(`/history?${wanted}`, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]))).series);
      }
      this.failed = "";
    } catch (e) {
      if (signal.aborted) return;
      this.failed = e.message;
      this.#until = now + FAILED_MS;
      return this.changed();
    }
    this.past = past;
    this.changed();
  }

  // Forget what was loaded: another range or market was picked, or another run began.
  forget() {
    this.past = new Map();
    this.#until = 0;
  }

  // [[labels, [[time, value]…]]…] of one metric; `field` of observed, min, max, mean, last.
  lines(name, field) {
    const at = ["observed", "min", "max", "mean", "last"].indexOf(field) + 1;
    return (this.past.get(name) ?? []).map(([labels, points]) => [labels, points.map((p) => [p[0], p[at]])]);
  }

  // [[labels, points]…] as they came.
  points(name) {
    return this.past.get(name) ?? [];
  }

  get oldest() {
    return Math.min(...[...this.past.values()].flatMap((series) => series.map(([, points]) => points[0]?.[0] ?? Infinity)), Infinity);
  }
}

async function answer(url, signal) {
  const reply = await fetch(url, { signal });
  const told = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(told.error ?? `the monitor answered ${reply.status}`);
  return told;
}
