// Five uPlot charts over the store; plain tables in their place when uPlot could not be loaded.
import { clock, fixed, shorten, usd } from "./text.js";

const $ = (id) => document.getElementById(id);
const BARS_MAX = 8;
const WINDOW_S = 60;

export class Charts {
  constructor(store) {
    this.store = store;
    this.plots = new Map();
    this.points = { pnl: 0, position: 0, lag: 0, rate: 0, decisions: 0 };
    this.shapes = {};
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.rebuild());
    new ResizeObserver(() => this.resize()).observe($("c-pnl").parentElement.parentElement);
  }

  rebuild() {
    for (const plot of this.plots.values()) plot.destroy();
    this.plots.clear();
    this.shapes = {};
  }

  resize() {
    for (const [name, plot] of this.plots) plot.setSize(sizeOf($(`c-${name}`)));
  }

  draw() {
    this.#pnl();
    this.#position();
    this.#lines("lag", this.store.lag, ["--accent", "--second", "--warn", "--up"], (v) => fixed(v, v < 10 ? 1 : 0));
    this.#lines("rate", this.store.rate, ["--up"], (v) => fixed(v, 0));
    this.#decisions();
  }

  #pnl() {
    const { at, value } = this.store.pnl;
    const last = value.at(-1) ?? 0;
    const tone = last < 0 ? "--down" : "--up";
    this.#show("pnl", [at.map(seconds), value], tone, () => ({
      ...base(),
      scales: { x: { time: true, range: (u, min, max) => [Math.min(min, max - WINDOW_S), max] }, y: { range: padded(0.02) } },
      series: [{}, { stroke: css(tone), width: 2, fill: fade(css(tone)), points: { show: false } }],
      axes: [axis({ values: "{HH}:{mm}:{ss}", space: 90 }), axis({ size: 62, space: 34, values: (u, v, i, room, step) => v.map((x) => usd(x, decimals(step))) })],
      hooks: { draw: [zeroLine] },
    }), () => spans([["total", value]], (v) => usd(v, 2)));
    const peak = Math.max(...value), dip = Math.min(...value);
    keys("pnl", value.length ? [["", "now", usd(last, 2)], ["", "high", usd(peak, 2)], ["", "low", usd(dip, 2)]] : []);
  }

  #position() {
    const rows = this.#positionRows();
    const columns = [rows.map((_, i) => i), rows.map((r) => r.yes || null), rows.map((r) => (r.no ? -r.no : null))];
    const names = rows.map((r) => shorten(r.name, 20));
    this.#show("position", columns, names.join("|"), () => ({
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
      hooks: { draw: [zeroLineAcross] },
    }), () => [["market", "YES", "NO"], ...rows.map((r) => [r.name, fixed(r.yes, 0), fixed(r.no, 0)])]);
    const yes = rows.reduce((total, r) => total + r.yes, 0), no = rows.reduce((total, r) => total + r.no, 0);
    keys("position", rows.length ? [["--up", "YES", fixed(yes, 0)], ["--down", "NO", fixed(no, 0)]] : []);
  }

  #positionRows() {
    const rows = new Map([...this.store.markets.keys()].slice(0, BARS_MAX).map((id) => [id, { yes: 0, no: 0 }]));
    for (const { labels, value } of this.store.all("polymarket.position.size")) {
      if (!rows.has(labels.market_id) && (!value || rows.size >= BARS_MAX)) continue;
      const row = rows.get(labels.market_id) ?? { yes: 0, no: 0 };
      row[labels.side === "NO" ? "no" : "yes"] = value;
      rows.set(labels.market_id, row);
    }
    return [...rows].map(([id, row]) => ({ ...row, name: this.store.marketShort(id) }));
  }

  #lines(name, history, tones, text) {
    const labels = [...history.lines.keys()];
    this.#show(name, [history.at.map(seconds), ...history.columns()], labels.join("|"), () => ({
      ...base(),
      scales: { x: { time: true, range: (u, min, max) => [max - WINDOW_S, max] }, y: { range: padded(0.15) } },
      series: [{}, ...labels.map((_, i) => ({
        stroke: css(tones[i % tones.length]), width: 1.6, points: { show: false },
        fill: labels.length === 1 ? fade(css(tones[0])) : undefined,
      }))],
      axes: [
        axis({ splits: (u, i, min, max) => [60, 45, 30, 15, 0].map((s) => max - s), values: () => ["−60 s", "−45", "−30", "−15", "now"] }),
        axis({ size: 44, space: 26, values: (u, v, i, room, step) => v.map((x) => fixed(x, decimals(step))) }),
      ],
    }), () => spans(labels.map((label, i) => [label || "all", history.columns()[i]]), text));
    const newest = history.columns().map((column) => column.at(-1));
    keys(name, labels.map((label, i) => [tones[i % tones.length], label, newest[i] == null ? "–" : text(newest[i])]));
  }

  #decisions() {
    const lines = this.store.decisions;
    const denied = lines.filter((l) => !l.event.allowed);
    const columns = [lines.map((_, i) => i), lines.map((l) => (l.event.allowed ? 0.62 : null)), lines.map((l) => (l.event.allowed ? null : 1))];
    this.#show("decisions", columns, "", () => ({
      ...base(),
      padding: [4, 26, 0, 26],
      scales: { x: { time: false, range: [-0.5, 99.5] }, y: { range: [0, 1.05] } },
      series: [{}, bar("--up", 1, 1), bar("--down", 1, 1)],
      axes: [
        axis({ splits: () => [0, 33, 66, 99], values: (u, v) => v.map((i) => clock(this.store.decisions[i]?.timestamp)), grid: { show: false } }),
        { show: false },
      ],
      cursor: { ...base().cursor, y: false },
    }), () => [["time", "", "order"], ...lines.slice(-3).reverse().map(({ timestamp, event: e }) => [
      clock(timestamp), e.allowed ? "allowed" : "denied", `${e.side} ${e.size} ${e.outcome} at ${e.price}`,
    ])]);
    keys("decisions", lines.length ? [["--up", "allowed", lines.length - denied.length], ["--down", "denied", denied.length]] : []);
    $("n-decisions").textContent = this.#decisionText(denied.at(-1));
  }

  #decisionText(lastDenied) {
    const hovered = this.plots.get("decisions")?.cursor.idx;
    const line = (hovered == null ? null : this.store.decisions[hovered]) ?? lastDenied;
    if (!line) return "";
    const e = line.event;
    const said = e.allowed ? "allowed" : `denied by ${(e.violated ?? []).join(", ")}`;
    return `${clock(line.timestamp)} ${said}: ${e.side} ${e.size} ${e.outcome} at ${e.price}, ${this.store.marketShort(e.market_id)}`;
  }

  // One chart: made when its shape (labels, tone) changes, else only given new points.
  #show(name, columns, shape, options, rows) {
    const place = $(`c-${name}`);
    const empty = columns.length < 2 || columns[0].length === 0;
    this.points[name] = empty ? 0 : columns[0].length;
    place.classList.toggle("empty", empty);
    place.dataset.empty = name === "decisions" ? "no decision yet" : "waiting for the bot";
    if (!window.uPlot) return table(place, empty ? [] : rows());
    const made = `${columns.length} ${shape}`;
    if (this.plots.has(name) && (empty || this.shapes[name] !== made)) {
      this.plots.get(name).destroy();
      this.plots.delete(name);
    }
    if (empty) return;
    const plot = this.plots.get(name);
    if (plot) {
      plot.setData(columns);
      if (name === "decisions" || name === "position") plot.redraw(false, true); // labels move though the scale does not
      return;
    }
    this.shapes[name] = made;
    this.plots.set(name, new window.uPlot({ ...options(), ...sizeOf(place) }, columns, place));
  }
}

const seconds = (ms) => ms / 1000;
const decimals = (step) => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const sizeOf = (place) => ({ width: Math.max(place.clientWidth, 50), height: place.clientHeight });

function base() {
  return { legend: { show: false }, padding: [8, 18, 0, 0], cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } } };
}

function axis(more) {
  const line = { stroke: css("--grid"), width: 1 };
  return { stroke: css("--muted"), font: "11px system-ui, sans-serif", grid: line, ticks: { show: false }, size: 26, gap: 5, ...more };
}

function bar(tone, width = 0.6, gap = 0) {
  return { fill: css(tone), stroke: css(tone), width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [width, 26], gap, radius: 0.2 }) };
}

function padded(least) {
  return (u, min, max) => {
    if (min == null) return [0, 1];
    const room = Math.max((max - min) * 0.12, Math.abs(max) * 0.01, least);
    return [min >= 0 && min - room < 0 ? 0 : min - room, max + room];
  };
}

function fade(color) {
  return (u) => {
    const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    gradient.addColorStop(0, `color-mix(in srgb, ${color} 32%, transparent)`);
    gradient.addColorStop(1, `color-mix(in srgb, ${color} 2%, transparent)`);
    return gradient;
  };
}

function zeroLine(u) {
  const y = Math.round(u.valToPos(0, "y", true)) + 0.5;
  if (y > u.bbox.top && y < u.bbox.top + u.bbox.height) stroke(u, [u.bbox.left, y], [u.bbox.left + u.bbox.width, y]);
}

function zeroLineAcross(u) {
  const x = Math.round(u.valToPos(0, "y", true)) + 0.5;
  stroke(u, [x, u.bbox.top], [x, u.bbox.top + u.bbox.height]);
}

function stroke(u, from, to) {
  u.ctx.save();
  u.ctx.strokeStyle = css("--muted");
  u.ctx.globalAlpha = 0.6;
  u.ctx.beginPath();
  u.ctx.moveTo(...from);
  u.ctx.lineTo(...to);
  u.ctx.stroke();
  u.ctx.restore();
}

function keys(name, entries) {
  const parts = entries.map(([tone, label, value]) => {
    const part = document.createElement("span");
    if (tone) part.append(Object.assign(document.createElement("i"), { style: `background:var(${tone})` }));
    part.append(label ? `${label} ` : "", Object.assign(document.createElement("b"), { textContent: value }));
    return part;
  });
  $(`k-${name}`).replaceChildren(...parts);
}

// Without uPlot: newest, least and greatest of each line.
function spans(lines, text) {
  const rows = lines.map(([label, column]) => {
    const known = column.filter((v) => v != null);
    return [label, ...(known.length ? [known.at(-1), Math.min(...known), Math.max(...known)].map(text) : ["–", "–", "–"])];
  });
  return [["", "now", "least", "greatest"], ...rows];
}

function table(place, rows) {
  const body = document.createElement("table");
  for (const cells of rows) {
    const row = body.insertRow();
    for (const cell of cells) row.insertCell().textContent = cell;
  }
  place.replaceChildren(body);
}
