// The page shows the snapshots of /api/v1/stream. Names of segments come from outside: they become text
// nodes only.
import { waterfall, bars, columns } from "/chart.js";

const find = (id) => document.getElementById(id);

function put(node, content, kind) {
  if (node.textContent !== content) node.textContent = content;
  if (kind !== undefined && node.className !== kind) node.className = kind;
}

// Amounts. Figures are drawn as numbers and compared as exact integers of millionths.
let currency = "USD";
const formats = new Map();
function format(options) {
  const key = JSON.stringify([currency, options]);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", { style: "currency", currency, ...options }));
  return formats.get(key);
}
const whole = (v) => format({ maximumFractionDigits: 0 }).format(v);
function short(v) {
  if (Math.abs(v) < 10000) return whole(v);
  const digits = Math.abs(v) < 999950 ? 1 : 2;
  return format({ notation: "compact", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(v);
}
const signed = (v) => (v < 0 ? "−" : "+") + short(Math.abs(v));
const percent = (v, digits = 1) => (v * 100).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + " %";
const change = (v) => (Math.abs(v) < 0.0005 ? "" : v < 0 ? "−" : "+") + percent(Math.abs(v));
const direction = (v) => (v === null || Math.abs(v) < 0.0005 ? "" : v < 0 ? "falls" : "rises");
const count = (n) => n.toLocaleString("en-US");
const words = (name) => name.replaceAll("_", " ");

// grouped sets thousands apart without reading the amount as a number.
const grouped = (decimal) => decimal.replace(/\d(?=(\d{3})+\.)/g, "$&,");

function millionths(decimal) {
  const negative = decimal.startsWith("-");
  const [units, fraction = ""] = decimal.replace("-", "").split(".");
  const n = BigInt(units) * 1000000n + BigInt(fraction.padEnd(6, "0"));
  return negative ? -n : n;
}

const kinds = {
  new: "new", expansion: "expansion", reactivation: "returned", resumed: "resumed", transfer_in: "moved in", usage_change: "usage",
  fx: "exchange", contraction: "contraction", churned: "churned", paused: "paused", transfer_out: "moved out",
};
const bands = { below_benchmark: "below benchmark", good: "good", great: "great", best: "best in class" };
const previous = { day: "the day", week: "the week", month: "the month", quarter: "the quarter", year: "the year" };

function instant(text) {
  return text ? new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" }) + " UTC" : "–";
}

function showStatus(status) {
  put(find("live"), status.ready ? "live" : status.phase);
  put(find("dot"), "", status.ready ? "dot live" : "dot");
  put(find("watermark"), instant(status.watermark));
  put(find("lag"), status.lag_records ? `${count(status.lag_records)} records, ${Number(status.lag_seconds).toFixed(1)} s` : "none");
  put(find("records"), count(status.records));
  put(find("rejected"), count(status.rejected), status.rejected ? "falls" : "");
  put(find("accounts"), count(status.accounts));
}

function showTiles(row, interval) {
  put(find("tile-expansion"), whole(Number(row.expansion)));
  put(find("tile-expansion-note"), `${count(row.accounts_expanding)} accounts grew` +
    (row.primary_driver ? `, mostly ${words(row.primary_driver)}` : ""));
  put(find("tile-rate"), row.expansion_rate === null ? "–" : percent(Number(row.expansion_rate), 2));
  put(find("tile-rate-note"), row.expansion_rate_band ? bands[row.expansion_rate_band] + ", of opening MRR" : row.expansion_rate === null ? "no opening MRR" : "of opening MRR");
  const growth = row.growth_rate === null ? null : Number(row.growth_rate);
  put(find("tile-growth"), growth === null ? "–" : change(growth), `big ${direction(growth)}`.trim());
  put(find("tile-growth-note"), growth === null ? "nothing to compare with" :
    (previous[interval] ? `against ${previous[interval]} before` : `against the ${interval} before`) + (row.final || !previous[interval] ? "" : ", still open"));
  put(find("tile-nrr"), row.nrr_12m === null ? "–" : percent(Number(row.nrr_12m)));
  put(find("tile-nrr-note"), row.nrr_12m === null ? "no accounts of 12 months ago" :
    row.grr_12m === null ? "" : `gross ${percent(Number(row.grr_12m))}`);
  put(find("tile-mrr"), whole(Number(row.closing)));
  put(find("tile-mrr-note"), `${count(row.accounts)} paying accounts`);
}

// showProof does the sum again, in the browser, to the last digit.
function showProof(row) {
  const sum = row.movements.reduce((n, m) => n + millionths(m.change), millionths(row.opening));
  const holds = sum === millionths(row.closing);
  const terms = row.movements.map((m) => (m.change.startsWith("-") ? "− " + grouped(m.change.slice(1)) : "+ " + grouped(m.change)));
  put(find("reconciled"), [grouped(row.opening), ...terms, holds ? "=" : "≠", grouped(row.closing)].join(" ") +
    (holds ? ", to the last digit" : ": the figures do not reconcile"),
    holds ? "proof holds" : "proof broken");
}

// The table. Each column: its name, what it sorts by, and how it fills a cell.
const number = (text) => (text === null ? null : Number(text));
const columnsOf = [
  { head: "Segment", of: (r) => r.segment },
  { head: "Closing MRR", of: (r) => Number(r.closing), cell: (td, v) => put(td, whole(v)) },
  { head: "Expansion", of: (r) => Number(r.expansion), cell: (td, v) => put(td, whole(v)) },
  { head: "Rate", of: (r) => number(r.expansion_rate), cell: (td, v) => put(td, v === null ? "–" : percent(v, 2)) },
  { head: "Band", less: true, of: (r) => Object.keys(bands).indexOf(r.expansion_rate_band), cell: showBand },
  { head: "Growth", of: (r) => number(r.growth_rate), cell: (td, v) => put(td, v === null ? "–" : change(v), direction(v)) },
  { head: "NRR 12m", less: true, of: (r) => number(r.nrr_12m), cell: (td, v) => put(td, v === null ? "–" : percent(v)) },
  { head: "Accounts", less: true, of: (r) => r.accounts, cell: (td, v) => put(td, count(v)) },
];
let sort = { column: 1, down: true };

function showBand(td, v) {
  const key = Object.keys(bands)[v];
  if (td.dataset.band === String(key)) return;
  td.dataset.band = String(key);
  td.replaceChildren();
  if (!key) return td.append("–");
  const pill = document.createElement("span");
  pill.className = "pill " + key;
  pill.textContent = bands[key];
  td.append(pill);
}

function makeHeads() {
  columnsOf.forEach((column, i) => {
    const th = document.createElement("th"), button = document.createElement("button");
    th.scope = "col";
    if (column.less) th.className = "less";
    button.type = "button";
    button.textContent = column.head;
    button.addEventListener("click", () => {
      sort = { column: i, down: sort.column === i ? !sort.down : i > 0 };
      showRows(last);
    });
    th.append(button);
    find("heads").append(th);
  });
}

function compare(a, b) {
  const of = columnsOf[sort.column].of, x = of(a), y = of(b);
  if (x === y) return a.segment < b.segment ? -1 : 1;
  if (x === null || y === null) return x === null ? 1 : -1;
  return (x < y ? -1 : 1) * (sort.down ? -1 : 1);
}

function showRows(snapshot) {
  if (!snapshot) return;
  [...find("heads").children].forEach((th, i) => {
    if (i === sort.column) th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  });
  const body = find("rows"), rows = [...snapshot.segments].sort(compare);
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((row, i) => fillRow(body.rows[i] ?? body.appendChild(document.createElement("tr")), row));
  const hidden = snapshot.segments_total - snapshot.segments.length;
  put(find("more"), hidden ? `The ${count(snapshot.segments.length)} largest of ${count(snapshot.segments_total)}; the rest: /api/v1/metrics` : "");
}

function fillRow(tr, row) {
  columnsOf.forEach((column, i) => {
    let cell = tr.children[i];
    if (!cell) {
      cell = document.createElement(i ? "td" : "th");
      if (!i) { cell.scope = "row"; cell.append(document.createElement("bdi")); }
      if (column.less) cell.className = "less";
      tr.append(cell);
    }
    if (i) column.cell(cell, column.of(row));
    else { put(cell.firstChild, row.segment); cell.title = row.segment; }
  });
}

function options(select, values, chosen, name) {
  const key = values.join("\n");
  if (select.dataset.values !== key) {
    select.dataset.values = key;
    select.replaceChildren(...values.map((v) => new Option(name(v), v)));
  }
  if (document.activeElement !== select) select.value = chosen;
}

// What changed is drawn; what did not is left alone.
const drawn = new Map();
function draw(id, data, how) {
  const key = JSON.stringify(data) + find(id).clientWidth;
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  how(find(id));
}

let last = null;
function showAll(snapshot) {
  last = snapshot;
  currency = snapshot.currency;
  showStatus(snapshot.status);
  options(find("interval"), snapshot.intervals, snapshot.interval, (v) => (previous[v] ? v : "last " + v));
  options(find("grouping"), snapshot.groupings, snapshot.grouping, (v) => words(v).replaceAll(",", ", "));
  find("empty").hidden = snapshot.total !== null;
  find("figures").hidden = snapshot.total === null;
  const row = snapshot.total;
  if (!row) return;
  put(find("period"), `${row.interval}${row.final ? "" : previous[snapshot.interval] ? ", open" : ""}: all accounts, amounts in ${currency} a month` +
    (row.complete ? "" : ", some shards are missing"));
  showTiles(row, snapshot.interval);
  draw("waterfall", [row.opening, row.movements, row.closing], (box) => waterfall(box, row, (k) => kinds[k] ?? k, short, signed));
  showProof(row);
  draw("types", row.ups, (box) => bars(box, row.ups, words, short, percent));
  find("trend-card").hidden = snapshot.history.length < 2;
  draw("trend", snapshot.history.map((r) => [r.interval, r.expansion, r.final]), (box) => columns(box, snapshot.history, short));
  put(find("segments-title"), "Segments by " + words(snapshot.grouping).replaceAll(",", ", "));
  showRows(snapshot);
}

let stream = null;
function connect() {
  stream?.close();
  const query = new URLSearchParams(location.search);
  stream = new EventSource("/api/v1/stream?" + query);
  stream.onmessage = (message) => {
    document.body.classList.remove("stale");
    showAll(JSON.parse(message.data));
  };
  stream.onerror = () => { // the browser connects again by itself, but not after an answer that is no stream
    document.body.classList.add("stale");
    put(find("live"), "connection lost");
    put(find("dot"), "", "dot lost");
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}

for (const name of ["interval", "grouping"]) {
  find(name).addEventListener("change", (e) => {
    const query = new URLSearchParams(location.search);
    query.set(name, e.target.value);
    history.replaceState(null, "", "?" + query);
    connect();
  });
}
find("choice").addEventListener("submit", (e) => e.preventDefault());
new ResizeObserver(() => last && showAll(last)).observe(find("figures"));
makeHeads();
connect();
