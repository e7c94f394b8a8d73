// The page: one WebSocket in, one store, charts and tables drawn from it. It only reads.
import { Charts } from "./charts.js";
import { Store } from "./store.js";
import { drawTables } from "./tables.js";
import { fixed, span, usd } from "./text.js";

const RETRY_MS = 1000;
const STALE_MS = 3000; // thirty ticks without a frame: the monitor hangs, connect anew
const TABLES_MS = 300;
const UPLOT = {
  version: "1.6.32",
  script: "sha384-Gx3t0zdBAuQOuvvmaLZj7HKEiSgWTAs+VdtNY7wt19QDPTDQjFIwAuXDj0zeN00c",
  style: "sha384-IfV0B7MIOYuO95kO9G5ySKPz/85zqFNOAs8iy4tkK5zd9izhJAB8b7lHrwYqqmYE",
};
const NOTES = {
  DEMO: "a local exchange, play money", REPLAY: "a recording, paper orders", PAPER: "live markets, paper orders",
  SHADOW: "live markets, nothing is sent", "READ-ONLY": "looks on, nothing is sent", LIVE: "real money",
};
const $ = (id) => document.getElementById(id);
const store = new Store();
const charts = new Charts(store);
// For tests and for the curious: what arrived, and how many points each chart holds.
const seen = { frames: 0, gaps: 0, snapshots: 0, connections: 0, open: false, store, charts: charts.points, uplot: "loading" };
window.agbot = seen;
let heardAt = 0, dirty = false, tablesAt = 0;

function connect() {
  const socket = new WebSocket(`ws://${location.host}/dashboard`);
  heardAt = Date.now();
  const watch = setInterval(() => Date.now() - heardAt > STALE_MS && socket.close(), 500);
  socket.onopen = () => { seen.connections++; seen.open = true; };
  socket.onmessage = ({ data }) => { heardAt = Date.now(); take(JSON.parse(data)); };
  socket.onclose = () => {
    clearInterval(watch);
    seen.open = false;
    dirty = true;
    setTimeout(connect, RETRY_MS);
  };
}

function take(frame) {
  if (frame.kind === "delta" && frame.tick !== store.tick + 1) seen.gaps++;
  if (frame.kind === "snapshot") seen.snapshots++;
  seen.frames++;
  store.apply(frame);
  dirty = true;
}

function draw(now) {
  requestAnimationFrame(draw);
  if (!dirty) return;
  dirty = false;
  drawHeader();
  drawTiles();
  if (seen.uplot !== "loading") charts.draw();
  if (now - tablesAt < TABLES_MS) return;
  tablesAt = now;
  drawTables(store);
}

function travelled({ recorded }) {
  const speed = store.value("replay.speed"), seeking = store.value("replay.seeking");
  const doing = seeking ? "seeking" : speed ? `playing ×${speed}` : "paused";
  const at = new Date(store.at).toISOString().slice(0, 23).replace("T", " ");
  return `${recorded.mode} run ${recorded.run_id} · ${at} UTC · step ${fixed(store.value("replay.step"), 0)} of ${fixed(store.value("replay.steps"), 0)} · ${doing}`;
}

const HEALTH = [["good", "live"], ["wait", "live, venue degraded"], ["bad", "live, venue down"]];

function drawHeader() {
  const { run } = store;
  const mode = run?.mode ?? "";
  $("mode").textContent = mode || "–";
  $("mode").dataset.mode = mode;
  $("mode-note").textContent = run?.player ? travelled(run) : NOTES[mode] ?? "";
  $("run").textContent = run ? [run.run_id && `run ${run.run_id.slice(0, 15)}`, run.started_ms && `up ${span(store.at - run.started_ms)}`, run.version].filter(Boolean).join(" · ") : "";
  document.title = mode ? `${mode} · agbot` : "agbot";
  document.body.classList.toggle("away", !seen.open || !store.connected);
  const killed = store.killed();
  document.body.classList.toggle("killed", Boolean(killed));
  pill("kill", killed ? "bad" : killed === 0 ? "good" : "", killed ? `KILL SWITCH ON${store.kill?.event.reason ? `: ${store.kill.event.reason}` : ""}` : killed === 0 ? "kill switch off" : "kill switch –");
  if (!seen.open) pill("link", "wait", "monitor away, retrying");
  else if (store.connected) pill("link", ...HEALTH[Math.max(0, ...store.all("venue.health").map((m) => m.value))]);
  else pill("link", "wait", run?.ended ? `run ended${run.reason ? `: ${run.reason}` : ""}` : run ? "bot away" : "waiting for a bot");
}

const inMarkets = (n) => (n ? `in ${n} market${n === 1 ? "" : "s"}` : "");

function drawTiles() {
  const pnl = store.sum("strategy.pnl_usd"), capital = Number(store.run?.capital_usd);
  tile("pnl", usd(pnl, 2), capital && pnl !== undefined ? `${fixed((pnl / capital) * 100, 2)} % of ${usd(capital)}` : "", pnl > 0 ? "up" : pnl < 0 ? "down" : "");
  tile("equity", usd(store.value("agbot.equity_usd"), 2), store.all("agbot.cash_usd").length ? `cash ${usd(store.value("agbot.cash_usd"), 2)}` : "");
  const sizes = store.all("polymarket.position.size").filter((m) => m.value);
  tile("inventory", usd(store.value("polymarket.inventory.value_usd"), 2), inMarkets(new Set(sizes.map((m) => m.labels.market_id)).size));
  const signals = store.sum("strategy.signals_generated"), denied = store.decisions.filter((l) => !l.event.allowed).length;
  tile("orders", fixed(store.sum("exec.orders_placed"), 0), signals !== undefined ? `${fixed(signals, 0)} signals` : store.decisions.length ? `${denied} of the last ${store.decisions.length} denied` : "");
  const maker = store.fills.filter((l) => l.event.liquidity === "MAKER").length;
  tile("fills", fixed(store.value("agbot.events", { event_type: "fill" }) ?? store.fills.length, 0), store.fills.length ? `${fixed((maker / store.fills.length) * 100, 0)} % as maker` : "");
  const latency = store.all("exec.latency_ms").map((m) => m.value);
  const count = latency.reduce((n, h) => n + h.count, 0), total = latency.reduce((n, h) => n + h.sum, 0);
  tile("latency", count ? `${fixed(total / count, 1)} ms` : "–", count ? `worst ${fixed(Math.max(...latency.map((h) => h.max)), 1)} ms` : "");
}

function tile(name, value, sub, tone = "") {
  $(`t-${name}`).textContent = value;
  $(`t-${name}`).className = `num big ${tone}`;
  $(`t-${name}-sub`).textContent = sub;
}

function pill(id, tone, text) {
  if ($(id).textContent !== text) $(id).firstElementChild.textContent = text; // do not make a screen reader repeat itself
  $(id).className = `pill ${tone}`;
  $(id).title = text;
}

async function loadUplot() {
  const cdn = document.documentElement.dataset.uplot === "cdn";
  const root = cdn ? `https://cdn.jsdelivr.net/npm/uplot@${UPLOT.version}/dist/` : "/static/vendor/";
  const checked = (integrity) => (cdn ? { integrity, crossOrigin: "anonymous" } : {});
  try {
    await Promise.all([
      loaded("link", { rel: "stylesheet", ...checked(UPLOT.style), href: `${root}uPlot.min.css` }),
      loaded("script", { ...checked(UPLOT.script), src: `${root}uPlot.iife.min.js` }),
    ]);
    seen.uplot = cdn ? "cdn" : "vendor";
  } catch {
    seen.uplot = "missing";
    document.documentElement.classList.add("plain");
    $("hint").textContent = "Charts need uPlot, which is neither installed nor reachable: install agbot with npm on the PATH, or let the browser reach cdn.jsdelivr.net. The numbers below are complete.";
    $("hint").hidden = false;
  }
  dirty = true;
}

function loaded(kind, attributes) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement(kind), attributes, { onload: resolve, onerror: reject });
    setTimeout(reject, 8000);
    document.head.append(element);
  });
}

connect();
loadUplot();
requestAnimationFrame(draw);
