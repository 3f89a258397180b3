// Charts as plain SVG. They are drawn for the width that they have, so that their text stays readable.
// Everything that came from outside goes in as text nodes and numbers, never as markup.

const space = "http://www.w3.org/2000/svg";

function element(name, attributes, ...children) {
  const node = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) {
    node.setAttribute(key, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
  }
  node.append(...children);
  return node;
}

const text = (x, y, content, attributes = {}) => element("text", { x, y, ...attributes }, content);
const rect = (x, y, width, height, kind) =>
  element("rect", { x, y, width: Math.max(width, 0), height: Math.max(height, 0), rx: 2, class: kind });
const line = (x1, y1, x2, y2, kind) => element("line", { x1, y1, x2, y2, class: kind });

function show(box, width, height, label, nodes) {
  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...nodes);
  box.replaceChildren(svg);
}

// steps are the bars of a waterfall: a whole one at each end, and what lies between as rises and falls.
function steps(row, name) {
  let level = Number(row.opening);
  const list = [{ label: "opening", from: 0, to: level, kind: "base", whole: true }];
  for (const m of row.movements) {
    const next = level + Number(m.change);
    const moved = m.kind.startsWith("transfer") || m.kind === "fx";
    list.push({ label: name(m.kind), from: level, to: next, kind: moved ? "move" : next >= level ? "up" : "down" });
    level = next;
  }
  list.push({ label: "closing", from: 0, to: Number(row.closing), kind: "base", whole: true });
  return list;
}

// scale starts below the smallest level, so that movements are visible beside a large opening.
function scale(list) {
  const levels = list.flatMap((s) => (s.whole ? [s.to] : [s.from, s.to]));
  const low = Math.min(...levels), high = Math.max(...levels, 1e-6);
  const from = low <= 0 ? Math.min(low, 0) : Math.max(0, low - Math.max((high - low) * 0.45, high * 0.002));
  return { from, high, of: (v, length) => ((Math.max(v, from) - from) / (high - from)) * length };
}

// waterfall draws the way from opening to closing: upright where there is room, else lying.
export function waterfall(box, row, name, money, signed) {
  const list = steps(row, name);
  const s = scale(list);
  const label = list.map((p) => `${p.label} ${p.whole ? money(p.to) : signed(p.to - p.from)}`).join(", ");
  const width = Math.max(box.clientWidth, 260);
  const nodes = width < 70 * list.length ? lying(list, s, width, money, signed) : upright(list, s, width, money, signed);
  show(box, width, nodes.height, label, nodes);
}

function upright(list, s, width, money, signed) {
  const top = 24, height = 250, bottom = 26, slot = width / list.length, bar = Math.min(slot * 0.62, 84);
  const y = (v) => top + height - s.of(v, height);
  const nodes = [line(0, top + height, width, top + height, "rule")];
  list.forEach((p, i) => {
    const x = i * slot + (slot - bar) / 2, middle = x + bar / 2;
    const high = p.whole ? p.to : Math.max(p.from, p.to), low = p.whole ? s.from : Math.min(p.from, p.to);
    nodes.push(rect(x, y(high), bar, Math.max(y(low) - y(high), 1.5), p.kind));
    if (p.whole && s.from > 0) nodes.push(cut(x - 3, top + height - 14, bar + 6));
    if (i + 1 < list.length) nodes.push(line(x + bar, y(p.to), x + slot, y(p.to), "link"));
    nodes.push(text(middle, y(high) - 7, p.whole ? money(p.to) : signed(p.to - p.from), { "text-anchor": "middle" }));
    nodes.push(text(middle, top + height + 18, p.label, { "text-anchor": "middle", class: "soft" }));
  });
  nodes.height = top + height + bottom;
  return nodes;
}

// cut marks a bar whose lower part is left out.
function cut(x, y, width) {
  const teeth = 6, step = width / teeth;
  let path = `M${x} ${y}`;
  for (let i = 1; i <= teeth; i++) path += `l${step} ${i % 2 ? -5 : 5}`;
  return element("path", { d: path, class: "cut" });
}

function lying(list, s, width, money, signed) {
  const names = 92, amounts = 84, row = 30, length = Math.max(width - names - amounts, 40);
  const x = (v) => names + s.of(v, length);
  const nodes = [];
  list.forEach((p, i) => {
    const top = i * row, middle = top + row / 2 + 4;
    const high = p.whole ? p.to : Math.max(p.from, p.to), low = p.whole ? s.from : Math.min(p.from, p.to);
    nodes.push(rect(x(low), top + 5, Math.max(x(high) - x(low), 1.5), row - 10, p.kind));
    if (p.whole && s.from > 0) nodes.push(element("path", { d: `M${names + 12} ${top + 2}l5 7l-5 7l5 7l-5 7`, class: "cut" }));
    if (i + 1 < list.length) nodes.push(line(x(p.to), top + row - 5, x(p.to), top + row + 5, "link"));
    nodes.push(text(0, middle, p.label, { class: "soft" }));
    nodes.push(text(width, middle, p.whole ? money(p.to) : signed(p.to - p.from), { "text-anchor": "end" }));
  });
  nodes.height = list.length * row;
  return nodes;
}

// spark is a small line of what came before, its last point marked. It says in words what it shows.
export function spark(box, values, label, falls) {
  const width = 96, height = 24, pad = 3, high = Math.max(...values, 1e-6), n = Math.max(values.length - 1, 1);
  const points = values.map((v, i) => [pad + (i / n) * (width - 2 * pad), height - pad - (Math.max(v, 0) / high) * (height - 2 * pad)]);
  const [x, y] = points[points.length - 1] ?? [pad, height - pad];
  show(box, width, height, label, [
    element("polyline", { points: points.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "), class: "spark" }),
    element("circle", { cx: x, cy: y, r: 2.5, class: falls ? "down" : "up" }),
  ]);
}
