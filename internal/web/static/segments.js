// The table of segments: one line each, to be sorted by any column and to be looked into.
import { find, put, set, make, list, draw, link } from "/dom.js";
import { whole, percent, change, direction, count, number, bands, segment } from "/format.js";
import { queryWith } from "/choice.js";
import { spark } from "/chart.js";

// Each column: its name, what it sorts by, and how it fills a cell.
const columns = [
  { head: "Segment", of: (r) => r.segment },
  { head: "Closing MRR", of: (r) => Number(r.closing), cell: (td, v) => put(td, whole(v)) },
  { head: "Expansion", of: (r) => Number(r.expansion), cell: (td, v) => put(td, whole(v)) },
  { head: "Trend", less: true, of: slope, cell: showTrend },
  { head: "Rate", of: (r) => number(r.expansion_rate), cell: (td, v) => put(td, v === null ? "–" : percent(v, 2)) },
  { head: "Band", less: true, of: (r) => Object.keys(bands).indexOf(r.expansion_rate_band), cell: showBand },
  { head: "Growth", of: (r) => number(r.growth_rate), cell: (td, v) => put(td, v === null ? "–" : change(v), direction(v)) },
  { head: "NRR", less: true, kept: true, of: (r) => number(r["nrr_" + months]), cell: (td, v) => put(td, v === null ? "–" : percent(v)) },
  { head: "GRR", less: true, kept: true, of: (r) => number(r["grr_" + months]), cell: (td, v) => put(td, v === null ? "–" : percent(v)) },
  { head: "Accounts", less: true, of: (r) => r.accounts, cell: (td, v) => put(td, count(v)) },
];
let sort = { column: 1, down: true };
let last = null;
let months = "12m"; // of retention; a month where nobody paid a year ago

// slope is expansion against the mean of the six periods before: what the trend sorts by.
function slope(r) {
  const before = r.trend.slice(-7, -1).map(Number), mean = before.reduce((a, b) => a + b, 0) / before.length;
  return before.length && mean > 0 ? Number(r.trend.at(-1)) / mean - 1 : null;
}

function showTrend(td, v, row) {
  if (!td.firstChild) td.append(make("span", "sparkbox"));
  const said = v === null ? "expansion by period" : `expansion ${change(v)} against the mean of the periods before`;
  draw(td.firstChild, [row.trend, said], (box) => spark(box, row.trend.map(Number), said, v !== null && v < -0.2));
}

function showBand(td, v) {
  const key = Object.keys(bands)[v];
  if (td.dataset.band === String(key)) return;
  td.dataset.band = String(key);
  td.replaceChildren(key ? make("span", "pill " + key, bands[key]) : "–");
}

export function startSegments() {
  columns.forEach((column, i) => {
    const th = make("th", column.less ? "less" : ""), button = make("button", "", column.head);
    th.scope = "col";
    button.type = "button";
    button.addEventListener("click", () => {
      sort = { column: i, down: sort.column === i ? !sort.down : i > 0 };
      if (last) showSegments(last);
    });
    th.append(button);
    find("heads").append(th);
  });
}

function compare(a, b) {
  const of = columns[sort.column].of, x = of(a), y = of(b);
  if (x === y) return a.segment < b.segment ? -1 : 1;
  if (x === null || y === null) return x === null ? 1 : -1;
  return (x < y ? -1 : 1) * (sort.down ? -1 : 1);
}

export function showSegments(snapshot) {
  last = snapshot;
  put(find("segments-title"), "Segments by " + snapshot.grouping.replaceAll("_", " ").replaceAll(",", " and "));
  months = snapshot.segments.some((r) => r.nrr_12m !== null) || !snapshot.segments.some((r) => r.nrr_1m !== null) ? "12m" : "1m";
  columns.forEach((column, i) => column.kept && put(find("heads").children[i].firstChild, `${column.head} ${months}`));
  [...find("heads").children].forEach((th, i) => set(th, "aria-sort", i === sort.column ? (sort.down ? "descending" : "ascending") : null));
  list(find("rows"), [...snapshot.segments].sort(compare), (r) => r.segment, build, (tr, row) => fill(tr, row, snapshot));
  const hidden = snapshot.segments_total - snapshot.segments.length;
  put(find("more"), hidden ? `The ${count(snapshot.segments.length)} largest of ${count(snapshot.segments_total)}; the rest: /api/v1/metrics` : "");
}

function build() {
  const tr = make("tr");
  columns.forEach((column, i) => {
    const cell = make(i ? "td" : "th", column.less ? "less" : "");
    if (!i) {
      cell.scope = "row";
      cell.append(make("bdi", "", make("a")));
    }
    tr.append(cell);
  });
  return tr;
}

function fill(tr, row, snapshot) {
  const chosen = row.segment === snapshot.segment;
  set(tr, "aria-current", chosen ? "true" : null);
  columns.forEach((column, i) => {
    const cell = tr.children[i];
    if (i) {
      column.cell(cell, column.of(row), row);
      if (column.less) cell.classList.add("less");
      return;
    }
    const name = segment(row.segment);
    link(cell.firstChild.firstChild, queryWith({ segment: chosen || snapshot.grouping === "all" ? null : row.segment }), name);
    set(cell, "title", name.length > 28 ? name : null);
  });
}
