// Lines and bars over time, drawn by uPlot (vendor/uplot). The same figures stand in words in the label and
// in the line above the chart, for those who cannot see a canvas or point at it.
import uPlot from "/vendor/uplot/uPlot.esm.js";
import { set } from "/dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// plot puts a chart into a box instead of the one before.
const plots = new WeakMap();
function plot(box, options, series) {
  plots.get(box)?.destroy();
  plots.set(box, new uPlot({
    width: Math.max(box.clientWidth, 240), legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } }, ...options,
  }, series, box));
}

function axes(labels, money) {
  const soft = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return [
    { ...soft, grid: { show: false }, splits: (u) => ticks(u, labels.length), values: (u, at) => at.map((i) => labels[i] ?? "") },
    { ...soft, size: 58, grid: { stroke: colour("--line"), width: 1 }, values: (u, at) => at.map(money) },
  ];
}

// ticks are as many places of the axis as there is room for, the last one always among them.
function ticks(u, n) {
  const every = Math.max(1, Math.ceil((n * 58) / Math.max(u.width - 120, 58)));
  const at = [];
  for (let i = n - 1; i >= 0; i -= every) at.unshift(i);
  return at;
}

// columns draws amounts by period as bars, the open one paler, and a ratio as a line.
export function columns(box, rows, label, money, percent, read) {
  const at = rows.map((_, i) => i), open = rows.map((r) => !r.final);
  const solid = rows.map((r, i) => (open[i] ? null : r.amount)), pale = rows.map((r, i) => (open[i] ? r.amount : null));
  const bars = uPlot.paths.bars({ size: [0.62, 64] }), up = colour("--up");
  set(box, "role", "img");
  set(box, "aria-label", label);
  plot(box, {
    height: 220,
    scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: (u, low, high) => [Math.min(0, low), Math.max(high, 1e-6) * 1.08] }, ratio: { range: (u, low, high) => [0, Math.max(high, 1e-6) * 1.6] } },
    axes: axes(rows.map((r) => r.label), money),
    series: [{},
      { paths: bars, points: { show: false }, fill: up, stroke: up, width: 0 },
      { paths: bars, points: { show: false }, fill: colour("--up-pale"), stroke: up, width: 1 },
      { scale: "ratio", stroke: colour("--text"), width: 1.5, dash: [4, 3], points: { show: true, size: 5, fill: colour("--card") }, spanGaps: true }],
    hooks: { setCursor: [(u) => read(rows[u.cursor.idx ?? rows.length - 1] ?? rows[rows.length - 1])] },
  }, [at, solid, pale, rows.map((r) => r.ratio)]);
  read(rows[rows.length - 1]);
}

// lines draws two ratios by period, and where 100 % is.
export function lines(box, rows, label, percent, read) {
  const width = 2, point = { show: true, size: 5, fill: colour("--card") };
  set(box, "role", "img");
  set(box, "aria-label", label);
  plot(box, {
    height: 150,
    scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: (u, low, high) => [Math.min(low, 0.95) - 0.03, Math.max(high, 1.05) + 0.03] } },
    axes: axes(rows.map((r) => r.label), percent),
    series: [{}, { stroke: colour("--up"), width, points: point }, { stroke: colour("--soft"), width, dash: [4, 3], points: point }],
    hooks: { setCursor: [(u) => read(rows[u.cursor.idx ?? rows.length - 1] ?? rows[rows.length - 1])] },
  }, [rows.map((_, i) => i), rows.map((r) => r.nrr), rows.map((r) => r.grr)]);
  read(rows[rows.length - 1]);
}

// steps draws a level that changes at instants, in seconds.
export function steps(box, points, label, money, read) {
  set(box, "role", "img");
  set(box, "aria-label", label);
  const soft = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  plot(box, {
    height: 220, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { y: { range: (u, low, high) => [Math.min(0, low), Math.max(high, 1e-6) * 1.1] } },
    axes: [{ ...soft, grid: { show: false }, space: 70, values: (u, at) => at.map((s) => new Date(s * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })) }, { ...soft, size: 62, grid: { stroke: colour("--line"), width: 1 }, values: (u, at) => at.map(money) }],
    series: [{}, { paths: uPlot.paths.stepped({ align: 1 }), stroke: colour("--up"), width: 2, fill: colour("--up-wash"), points: { show: points.length < 60, size: 5 } }],
    hooks: { setCursor: [(u) => read(points[u.cursor.idx ?? points.length - 1] ?? points[points.length - 1])] },
  }, [points.map((p) => p.at), points.map((p) => p.level)]);
  read(points[points.length - 1]);
}
