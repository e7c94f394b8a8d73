// What the reader has picked: market, range, theme, log. Kept in this browser where it lets us.
const $ = (id) => document.getElementById(id);
export const RANGES = { "1m": 60_000, "15m": 900_000, "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };
const THEMES = ["auto", "light", "dark"];

export class View {
  market = "";
  range = recalled("range", Object.keys(RANGES), "15m");
  theme = recalled("theme", THEMES, "auto");
  level = "";
  words = "";
  #options = "";
  #priced = "";
  #chosen = false; // by a fill

  // `changed(what)` is called with "market", "range", "theme" or "log".
  constructor(changed) {
    this.changed = changed;
    for (const input of document.querySelectorAll("input[name=range]")) {
      input.checked = input.value === this.range;
      input.addEventListener("change", () => this.#pick("range", input.value));
    }
    $("market").addEventListener("change", ({ target }) => this.#pick("market", target.value));
    $("level").addEventListener("change", ({ target }) => this.#pick("level", target.value));
    $("words").addEventListener("input", ({ target }) => this.#pick("words", target.value.trim().toLowerCase()));
    $("theme").addEventListener("click", () => this.#pick("theme", THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]));
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.changed("theme"));
    this.#paint();
  }

  get spanMs() {
    return RANGES[this.range];
  }

  // The market whose prices are drawn: the one picked, else one that was traded, and then that one while it is there.
  priced(store) {
    if (this.market) return this.market;
    const traded = store.fills.at(-1)?.event.market_id;
    if (!store.markets.has(this.#priced) || (traded && !this.#chosen)) {
      this.#chosen = Boolean(traded);
      this.#priced = traded ?? store.markets.keys().next().value ?? "";
    }
    return this.#priced;
  }

  has(market) {
    return !this.market || this.market === market;
  }

  // Bring the list of markets up to date; a market that is gone is not picked any more.
  offer(store) {
    const names = [...store.markets.keys()].map((id) => [id, store.marketName(id)]);
    const options = JSON.stringify(names);
    if (options === this.#options) return;
    this.#options = options;
    $("market").replaceChildren(new Option("All markets", ""), ...names.map(([id, name]) => new Option(name, id)));
    $("market").value = this.market;
    if ($("market").value !== this.market && names.length) this.#pick("market", "");
    if (!$("market").value) $("market").value = "";
  }

  #pick(what, value) {
    this[what] = value;
    if (what === "theme" || what === "range") remember(what, value);
    if (what === "theme") this.#paint();
    this.changed(what === "level" || what === "words" ? "log" : what);
  }

  #paint() {
    if (this.theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
    $("theme").textContent = `Theme: ${this.theme}`;
  }
}

function recalled(name, known, otherwise) {
  try {
    const kept = localStorage.getItem(`agbot.${name}`);
    return known.includes(kept) ? kept : otherwise;
  } catch {
    return otherwise; // a browser that keeps nothing
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`agbot.${name}`, value);
  } catch {
    // a browser that keeps nothing
  }
}
