// The page: one WebSocket in, one store, charts and tables drawn from it. It only reads.
import { Charts } from "./charts.js";
import { History } from "./history.js";
import { drawLimits } from "./limits.js";
import { Store } from "./store.js";
import { drawTables, forgetTables } from "./tables.js";
import { fixed, since, span, usd } from "./text.js";
import { View } from "./view.js";

const RETRY_MS = 1000;
const STALE_MS = 3000; // thirty ticks without a frame: the monitor hangs, connect anew
const TABLES_MS = 300;
const CHARTS_MS = { "1m": 200, "15m": 1000, "1h": 1000, "24h": 2000, "7d": 2000 };
const NOTES = {
  DEMO: "a local exchange, play money", REPLAY: "a recording, paper orders", PAPER: "live markets, paper orders",
  SHADOW: "live markets, nothing is sent", "READ-ONLY": "looks on, nothing is sent", LIVE: "real money",
};
const $ = (id) => document.getElementById(id);
const store = new Store();
const history = new History(redraw);
const view = new View(picked);
const charts = new Charts(store, view, history);
// For tests and for the curious: what arrived, and how much each chart shows.
const seen = { frames: 0, gaps: 0, snapshots: 0, connections: 0, open: false, store, view, history, charts: charts.points, uplot: Boolean(window.uPlot) };
window.agbot = seen;
let heardAt = 0, dirty = false, tablesAt = 0, chartsAt = 0;

function redraw() {
  dirty = true;
  tablesAt = chartsAt = 0;
}

function picked(what) {
  if (what === "market" || what === "range") history.forget();
  if (what === "theme" || what === "range") charts.rebuild();
  if (what === "theme") forgetTables();
  redraw();
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}/dashboard`);
  heardAt = Date.now();
  const watch = setInterval(() => Date.now() - heardAt > STALE_MS && socket.close(), 500);
  socket.onopen = () => { seen.connections++; seen.open = true; history.meet(); };
  socket.onmessage = ({ data }) => { heardAt = Date.now(); take(JSON.parse(data)); };
  socket.onclose = () => {
    clearInterval(watch);
    seen.open = false;
    dirty = true;
    setTimeout(retry, RETRY_MS);
  };
}

// A monitor with another token lets nobody in who has not signed in anew.
async function retry() {
  const reply = await fetch("/", { method: "HEAD" }).catch(() => null);
  if (reply?.status === 401) location.reload();
  else if (reply?.ok) connect();
  else setTimeout(retry, RETRY_MS);
}

function take(frame) {
  if (frame.kind === "delta" && frame.tick !== store.tick + 1) seen.gaps++;
  if (frame.kind === "snapshot") seen.snapshots++;
  seen.frames++;
  const { connected, run } = store;
  store.apply(frame);
  if (run && run.run_id !== store.run?.run_id) history.forget();
  // While no bot is there, most frames tell nothing: what is drawn stays.
  dirty ||= store.connected || connected || frame.kind === "snapshot" || frame.metrics.length > 0 || frame.events.length > 0;
}

function draw(now) {
  requestAnimationFrame(draw);
  if (!dirty) return;
  dirty = false;
  if (store.at) history.load(view.spanMs, view.priced(store), store.at);
  drawHeader();
  if (now - chartsAt >= CHARTS_MS[view.range] - 20) {
    chartsAt = now;
    charts.draw();
    drawLimits(store);
  }
  if (now - tablesAt < TABLES_MS) return;
  tablesAt = now;
  view.offer(store);
  drawTiles();
  drawSince();
  drawTables(store, view);
}

function drawSince() {
  if (history.failed) $("since").textContent = `history: ${history.failed}`;
  else if (history.kept) $("since").textContent = "with the bot's history";
  else $("since").textContent = Number.isFinite(store.oldest) ? `since ${since(store.oldest)}, as this page saw it` : "";
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
  const { market } = view;
  const pnl = store.sum("strategy.pnl_usd", market ? { market } : {}), capital = Number(store.run?.capital_usd);
  tile("pnl", usd(pnl, 2), capital && pnl !== undefined ? `${fixed((pnl / capital) * 100, 2)} % of ${usd(capital)}` : "", pnl > 0 ? "up" : pnl < 0 ? "down" : "");
  const drawdown = store.value("risk.current_drawdown"), day = store.value("risk.daily_pnl_usd");
  tile("drawdown", drawdown === undefined ? "–" : `${fixed(drawdown * 100, 2)} %`, day === undefined ? "" : `today ${usd(day, 2)}`);
  tile("equity", usd(store.value("agbot.equity_usd"), 2), store.all("agbot.cash_usd").length ? `cash ${usd(store.value("agbot.cash_usd"), 2)}` : "");
  const sizes = store.all("polymarket.position.size").filter((m) => m.value);
  tile("inventory", usd(store.value("polymarket.inventory.value_usd"), 2), inMarkets(new Set(sizes.map((m) => m.labels.market_id)).size));
  const signals = store.sum("strategy.signals_generated"), denied = store.decisions.filter((l) => !l.event.allowed).length;
  tile("orders", fixed(store.sum("exec.orders_placed"), 0), signals !== undefined ? `${fixed(signals, 0)} signals` : store.decisions.length ? `${denied} of the last ${store.decisions.length} denied` : "");
  const fills = store.fills.filter((l) => view.has(l.event.market_id)), maker = fills.filter((l) => l.event.liquidity === "MAKER").length;
  const count = market ? fills.length : store.value("agbot.events", { event_type: "fill" }) ?? fills.length;
  tile("fills", fixed(count, 0), fills.length ? `${fixed((maker / fills.length) * 100, 0)} % as maker` : "");
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

// uPlot's script stands before this one in the page: it is there now, or never.
function meetUplot() {
  if (window.uPlot) return;
  document.documentElement.classList.add("plain");
  $("hint").textContent = "Charts need uPlot, which this agbot was built without: install it again with npm on the PATH. The numbers below are complete.";
  $("hint").hidden = false;
}

connect();
meetUplot();
requestAnimationFrame(draw);
