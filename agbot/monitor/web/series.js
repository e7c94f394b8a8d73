// Values over time: columns over one axis of times (UTC ms). Every list here has a bound.
const FINE_MS = 180, FINE_WINDOW_MS = 60_000;
const COARSE_MS = 1000, COARSE_POINTS = 3600;
const SLACK = 60; // cut now and then, not at every point
const LINES_MAX = 64;

class Columns {
  at = [];
  lines = new Map(); // label -> values, as long as `at`

  add(at, entries) {
    const known = new Map(entries);
    for (const label of known.keys()) {
      if (!this.lines.has(label) && this.lines.size < LINES_MAX) this.lines.set(label, this.at.map(() => null));
    }
    this.at.push(at);
    for (const [label, column] of this.lines) column.push(known.get(label) ?? null);
  }

  cut(count) {
    this.at.splice(0, count);
    for (const column of this.lines.values()) column.splice(0, count);
  }
}

// What arrived: the last minute five times a second, the last hour once a second.
export class Band {
  fine = new Columns();
  coarse = new Columns();

  add(at, entries) {
    if (!entries.length) return;
    const last = this.fine.at.at(-1) ?? 0;
    if (at < last) return; // the clock was set back
    if (at - last >= FINE_MS) {
      this.fine.add(at, entries);
      if (this.fine.at[SLACK] < at - FINE_WINDOW_MS) this.fine.cut(SLACK);
    }
    if (at - (this.coarse.at.at(-1) ?? 0) >= COARSE_MS) {
      this.coarse.add(at, entries);
      if (this.coarse.at.length > COARSE_POINTS + SLACK) this.coarse.cut(SLACK);
    }
  }

  // Points of a snapshot, [[label, [[time, value]…]]…]: they go in before anything else has.
  load(series) {
    const { at, lines } = aligned(series);
    at.forEach((t, i) => this.add(t, [...lines].map(([label, column]) => [label, column[i]]).filter(([, v]) => v != null)));
  }

  get oldest() {
    return this.coarse.at[0] ?? Infinity;
  }

  // Columns of [from, ∞), what the store had before our first point put in front.
  since(from, past = []) {
    const live = (this.fine.at.at(-1) ?? 0) - from <= FINE_WINDOW_MS + COARSE_MS ? this.fine : this.coarse;
    const begin = live.at.findIndex((t) => t >= from);
    const head = aligned(past.map(([label, points]) => [label, points.filter(([t]) => t >= from && t < this.oldest)]));
    const at = begin < 0 ? head.at : head.at.concat(live.at.slice(begin));
    const labels = new Set([...this.labelsSince(live, begin), ...head.lines.keys()]);
    const lines = new Map();
    for (const label of labels) {
      const before = head.lines.get(label) ?? head.at.map(() => null);
      const after = begin < 0 ? [] : live.lines.get(label)?.slice(begin) ?? new Array(live.at.length - begin).fill(null);
      lines.set(label, before.concat(after));
    }
    return { at, lines };
  }

  labelsSince(live, begin) {
    return begin < 0 ? [] : [...live.lines.keys()];
  }
}

// Lines with times of their own, put on one axis; a line keeps its value until its next one.
export function aligned(series) {
  const times = [...new Set(series.flatMap(([, points]) => points.map(([t]) => t)))].sort((a, b) => a - b);
  const lines = new Map();
  for (const [label, points] of series.slice(0, LINES_MAX)) {
    let next = 0, value = null;
    lines.set(label, times.map((t) => {
      while (next < points.length && points[next][0] <= t) value = points[next++][1];
      return value;
    }));
  }
  return { at: times, lines };
}

// The sum of lines at every time one of them has a point.
export function total(series) {
  const { at, lines } = aligned(series);
  const columns = [...lines.values()];
  return at.map((t, i) => [t, columns.reduce((sum, column) => sum + (column[i] ?? 0), 0)]);
}
