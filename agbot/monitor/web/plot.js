// uPlot as this page uses it: one frame for all charts, and the pieces their options are made of.
import { fixed } from "./text.js";

const $ = (id) => document.getElementById(id);
const SPOKEN_MS = 5000; // what a screen reader is told of a chart changes no oftener
const CLOCKS = [[300, "{HH}:{mm}:{ss}"], [2 * 86_400, "{HH}:{mm}"], [Infinity, "{MM}-{DD} {HH}h"]]; // spans up to so many seconds

export const seconds = (ms) => ms / 1000;
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const sizeOf = (place) => ({ width: Math.max(place.clientWidth, 50), height: place.clientHeight });

export class Frame {
  plots = new Map();
  shapes = {};
  points = { pnl: 0, drawdown: 0, lag: 0, rate: 0, price: 0, position: 0, decisions: 0, latency: 0 };
  #spokenAt = {};

  constructor() {
    new ResizeObserver(() => this.resize()).observe(document.querySelector("main"));
  }

  rebuild() {
    for (const plot of this.plots.values()) plot.destroy();
    this.plots.clear();
    this.shapes = {};
  }

  resize() {
    for (const [name, plot] of this.plots) plot.setSize(sizeOf($(`c-${name}`)));
  }

  // One chart: made when its shape (labels, tone) changes, else only given new points. `count` says how much it shows.
  show(name, columns, shape, options, rows, count = columns.length < 2 ? 0 : columns[0].length) {
    const place = $(`c-${name}`);
    this.points[name] = count;
    place.classList.toggle("empty", !count);
    if (!window.uPlot) return table(place, count ? rows() : []);
    const made = `${columns.length} ${shape}`;
    if (this.plots.has(name) && (!count || this.shapes[name] !== made)) {
      this.plots.get(name).destroy();
      this.plots.delete(name);
    }
    if (!count) return;
    const plot = this.plots.get(name);
    if (plot) {
      plot.setData(columns);
      if (name === "position") plot.redraw(false, true); // labels move though the scale does not
      return;
    }
    this.shapes[name] = made;
    this.plots.set(name, new window.uPlot({ ...options(), ...sizeOf(place) }, columns, place));
  }

  // The newest figures, beside the title and as the chart's text.
  keys(name, entries) {
    const parts = entries.map(([tone, label, value]) => {
      const part = document.createElement("span");
      if (tone) part.append(Object.assign(document.createElement("i"), { className: `key ${tone.slice(2)}` }));
      part.append(label ? `${label} ` : "", Object.assign(document.createElement("b"), { textContent: value }));
      return part;
    });
    $(`k-${name}`).replaceChildren(...parts);
    if (performance.now() - (this.#spokenAt[name] ?? -Infinity) < SPOKEN_MS) return;
    this.#spokenAt[name] = performance.now();
    const place = $(`c-${name}`);
    const said = entries.map(([, label, value]) => `${label} ${value}`.trim()).join(", ") || place.dataset.empty;
    place.setAttribute("aria-label", `${place.dataset.title}: ${said}`);
  }
}

export function base() {
  return { legend: { show: false }, padding: [8, 26, 0, 0], cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } } };
}

export function axis(more) {
  const line = { stroke: css("--grid"), width: 1 };
  return { stroke: css("--muted"), font: "11px system-ui, sans-serif", grid: line, ticks: { show: false }, size: 26, gap: 5, ...more };
}

// Times as long as the span that is shown asks for.
export function timeAxis() {
  const clocks = CLOCKS.map(([least, template]) => [least, window.uPlot?.fmtDate(template)]);
  const values = (u, splits) => {
    const [, text] = clocks.find(([span]) => u.scales.x.max - u.scales.x.min <= span);
    return splits.map((t) => text(new Date(t * 1000)));
  };
  return axis({ values, space: 84 });
}

// How many decimals the marks of an axis need.
export function unit(step) {
  const places = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)), scaled = step * 10 ** places;
  return Math.abs(scaled - Math.round(scaled)) > 1e-6 ? places + 1 : places;
}

export function curve(tone) {
  return { stroke: css(tone), spanGaps: true, points: { show: false } };
}

// A line that keeps its value until the next one.
export function flat(tone) {
  return { ...curve(tone), paths: window.uPlot?.paths.stepped({ align: 1 }) };
}

export function bar(tone, width = 0.6, gap = 0) {
  return { fill: css(tone), stroke: css(tone), width: 0, points: { show: false }, paths: window.uPlot?.paths.bars({ size: [width, 26], gap, radius: 0.15 }) };
}

export function padded(least) {
  return (u, min, max) => {
    if (min == null) return [0, 1];
    const room = Math.max((max - min) * 0.12, Math.abs(max) * 0.01, least);
    return [min >= 0 && min - room < 0 ? 0 : min - room, max + room];
  };
}

export function fade(color) {
  return (u) => {
    const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    gradient.addColorStop(0, `color-mix(in srgb, ${color} 32%, transparent)`);
    gradient.addColorStop(1, `color-mix(in srgb, ${color} 2%, transparent)`);
    return gradient;
  };
}

export function zeroLine(u) {
  const y = Math.round(u.valToPos(0, "y", true)) + 0.5;
  if (y > u.bbox.top && y < u.bbox.top + u.bbox.height) stroke(u, [u.bbox.left, y], [u.bbox.left + u.bbox.width, y]);
}

export function across(u) {
  const x = Math.round(u.valToPos(0, "y", true)) + 0.5;
  stroke(u, [x, u.bbox.top], [x, u.bbox.top + u.bbox.height]);
}

// Fills on their prices: bought points up, sold points down, told apart by shape and by colour.
export function triangles(u, fills) {
  const { ctx, bbox } = u, size = 5 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.strokeStyle = css("--panel");
  for (const { at, price, up } of fills) {
    const x = u.valToPos(at, "x", true), y = u.valToPos(price, "y", true), tip = up ? -size : size;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.fillStyle = css(up ? "--up" : "--down");
    ctx.beginPath();
    ctx.moveTo(x, y + tip);
    ctx.lineTo(x - size, y - tip * 0.8);
    ctx.lineTo(x + size, y - tip * 0.8);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
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

function table(place, rows) {
  const body = document.createElement("table");
  for (const cells of rows) {
    const row = body.insertRow();
    for (const cell of cells) row.insertCell().textContent = typeof cell === "number" ? fixed(cell, 0) : cell;
  }
  place.replaceChildren(body);
}
