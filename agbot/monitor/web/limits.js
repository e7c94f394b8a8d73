// How much of each policy's limit is used, as gauges.
import { fixed } from "./text.js";

const $ = (id) => document.getElementById(id);
const NEAR = 0.8;
const GAUGES_MAX = 24;
const gauges = new Map(); // policy -> its elements

export function drawLimits(store) {
  const used = store.all("risk.limit_used").slice().sort((a, b) => b.value - a.value).slice(0, GAUGES_MAX);
  const policies = used.map((m) => m.labels.policy ?? "");
  for (const [policy, gauge] of gauges) if (!policies.includes(policy)) { gauge.row.remove(); gauges.delete(policy); }
  used.forEach((m, i) => show(m.labels.policy ?? "", m.value, i));
  $("limits").classList.toggle("empty", !used.length);
  $("n-limits").textContent = used.length ? `${used.filter((m) => m.value >= NEAR).length} of ${used.length} near or over` : "";
}

function show(policy, value, place) {
  if (!gauges.has(policy)) gauges.set(policy, made(policy));
  const { row, fill, text } = gauges.get(policy);
  const percent = value * 100;
  fill.style.width = `${Math.min(100, Math.max(0, percent))}%`;
  row.className = `gauge ${value >= 1 ? "over" : value >= NEAR ? "near" : ""}`;
  text.textContent = `${fixed(percent, percent < 10 ? 1 : 0)} %`;
  row.setAttribute("aria-valuenow", Math.round(Math.min(100, Math.max(0, percent))));
  row.setAttribute("aria-valuetext", text.textContent);
  if ($("limits").children[place] !== row) $("limits").insertBefore(row, $("limits").children[place] ?? null);
}

function made(policy) {
  const part = (tag, more) => Object.assign(document.createElement(tag), more);
  const fill = part("i", {}), text = part("b", { className: "num" }), track = part("span", { className: "track" });
  const row = part("div", { className: "gauge" });
  track.append(fill);
  row.append(part("span", { className: "name", textContent: policy, title: policy }), track, text);
  for (const [name, value] of Object.entries({ role: "meter", "aria-label": `limit ${policy}`, "aria-valuemin": 0, "aria-valuemax": 100 })) row.setAttribute(name, value);
  return { row, fill, text };
}
