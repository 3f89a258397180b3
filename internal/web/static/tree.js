// The metric tree: expansion by type; a type by segment, or, where one segment is looked at, by account. It is
// a treegrid: arrows move and open, Home and End go to its ends, Enter looks at what the line is about.
import { find, put, set, make, list, link } from "/dom.js";
import * as f from "/format.js";
import { queryWith, go } from "/choice.js";

const opened = new Set(); // types
const shown = 8; // segments of a type
let lines = [];
let current = ""; // the key of the line that the keyboard is on

export function showTree(snapshot) {
  const before = snapshot.history.slice(-7, -1), months = before.length;
  put(find("tree-before"), months >= 2 ? `Against the ${months} before` : "Against before");
  const of = (row, type) => Number(row.ups.find((p) => p.type === type)?.amount ?? 0);
  const mean = (type) => (months >= 2 ? before.reduce((sum, row) => sum + of(row, type), 0) / months : null);
  const total = Number(snapshot.total.expansion);
  const ups = snapshot.total.ups.map((p) => ({ type: p.type, amount: Number(p.amount) }));
  for (const row of before) for (const p of row.ups) if (!ups.some((u) => u.type === p.type)) ups.push({ type: p.type, amount: 0 });
  const sum = ups.reduce((n, p) => n + p.amount, 0);
  // What is nothing now and was next to nothing before is left out.
  const listed = ups.filter((p) => p.amount > 0 || (mean(p.type) ?? 0) * 100 > (f.meanBefore(snapshot.history)?.amount ?? 0));
  listed.sort((a, b) => b.amount - a.amount || (mean(b.type) ?? 0) - (mean(a.type) ?? 0));

  lines = [{ key: "all", level: 1, label: snapshot.segment ? f.segment(snapshot.segment) : "All expansion", amount: total, before: f.meanBefore(snapshot.history)?.amount ?? null, opens: true, open: true }];
  for (const p of listed) {
    const chosen = snapshot.type === p.type, open = chosen || opened.has(p.type);
    lines.push({ key: p.type, level: 2, label: f.words(p.type), amount: p.amount, share: sum ? p.amount / sum : 0, before: mean(p.type), opens: true, open, type: p.type, query: queryWith({ type: chosen ? null : p.type }) });
    if (!open) continue;
    if (snapshot.segment || snapshot.grouping === "all") lines.push(...accounts(snapshot, p.type));
    else lines.push(...segments(snapshot, p, of));
  }
  if (!lines.some((l) => l.key === current)) current = "all";
  list(find("tree-rows"), lines, (l) => l.key, build, fill);
}

function segments(snapshot, p, of) {
  const all = snapshot.segments.map((row) => ({ row, amount: of(row, p.type) })).filter((s) => s.amount > 0).sort((a, b) => b.amount - a.amount);
  const found = all.slice(0, shown).map(({ row, amount }) => ({
    key: p.type + "/" + row.segment, level: 3, label: f.segment(row.segment), amount, share: p.amount ? amount / p.amount : 0, before: null,
    query: queryWith({ segment: row.segment, type: p.type }),
  }));
  if (all.length > shown) found.push({ key: p.type + "//more", level: 3, label: `${all.length - shown} smaller segments`, amount: all.slice(shown).reduce((n, s) => n + s.amount, 0), before: null });
  return found;
}

function accounts(snapshot, type) {
  if (snapshot.type !== type) return [{ key: type + "//look", level: 3, label: "Its accounts", amount: null, before: null, query: queryWith({ type }) }];
  if (!snapshot.accounts?.expanding.length) return [{ key: type + "//none", level: 3, label: "No account grew by it", amount: null, before: null }];
  return snapshot.accounts.expanding.map((a) => ({
    key: type + "/" + a.account, level: 3, label: f.plain(a.name ?? a.account), amount: Number(a.amount), before: null, query: queryWith({ account: a.account }),
  }));
}

function build() {
  const tr = make("tr"), head = make("th");
  head.scope = "row";
  head.append(make("span", "twist"), make("bdi"));
  tr.append(head, make("td"), make("td", "less"), make("td"));
  set(head, "role", "rowheader");
  for (const td of tr.querySelectorAll("td")) set(td, "role", "gridcell");
  return tr;
}

function fill(tr, line) {
  const [head, amount, share, before] = tr.children;
  set(tr, "role", "row");
  set(tr, "aria-level", String(line.level));
  set(tr, "aria-expanded", line.opens ? String(line.open) : null);
  set(tr, "tabindex", line.key === current ? "0" : "-1");
  const kind = "level" + line.level;
  if (tr.className !== kind) tr.className = kind;
  put(head.firstChild, line.level === 2 ? (line.open ? "▾" : "▸") : "");
  set(head.firstChild, "aria-hidden", "true");
  let inner = head.lastChild;
  if (line.query && !inner.querySelector("a")) inner.replaceChildren(make("a"));
  if (!line.query && inner.querySelector("a")) inner.replaceChildren();
  if (line.query) {
    link(inner.firstChild, line.query, line.label);
    set(inner.firstChild, "tabindex", "-1");
  } else put(inner, line.label);
  put(amount, line.amount === null ? "" : line.level === 3 ? f.short(line.amount) : f.whole(line.amount));
  showShare(share, line);
  const rate = line.before ? line.amount / line.before - 1 : null;
  put(before, rate === null ? (line.level < 3 ? "–" : "") : f.change(rate), rate === null ? "" : f.direction(rate));
}

// showShare draws a share with an element that has its own width, because the page's policy has no inline style.
function showShare(cell, line) {
  if (line.share === undefined) return put(cell, "", "less");
  let meter = cell.querySelector("progress");
  if (!meter) {
    meter = make("progress");
    meter.max = 1;
    set(meter, "aria-hidden", "true");
    cell.replaceChildren(meter, make("span"));
  }
  meter.value = line.share;
  put(cell.lastChild, f.percent(line.share, 0));
}

function move(to) {
  if (!to) return;
  for (const tr of find("tree-rows").children) set(tr, "tabindex", tr === to ? "0" : "-1");
  current = to.dataset.key;
  to.focus();
}

function turn(line, open) {
  if (open) opened.add(line.type);
  else opened.delete(line.type);
  if (line.open && !open && new URLSearchParams(location.search).get("type") === line.type) return go(queryWith({ type: null }));
  dispatchEvent(new Event("again"));
}

export function startTree() {
  const body = find("tree-rows");
  body.addEventListener("click", (e) => {
    const tr = e.target.closest("tr"), line = lines.find((l) => l.key === tr?.dataset.key);
    if (!line) return;
    current = line.key;
    if (line.level === 2 && !e.target.closest("a")) turn(line, !line.open);
  });
  body.addEventListener("keydown", (e) => {
    const tr = e.target.closest("tr"), line = lines.find((l) => l.key === tr?.dataset.key);
    if (!line || e.ctrlKey || e.metaKey || e.altKey) return;
    const rows = [...body.children], at = rows.indexOf(tr);
    const steps = {
      ArrowDown: () => move(rows[at + 1]), ArrowUp: () => move(rows[at - 1]), Home: () => move(rows[0]), End: () => move(rows.at(-1)),
      ArrowRight: () => (line.type && !line.open ? turn(line, true) : move(rows[at + 1])),
      ArrowLeft: () => (line.type && line.open ? turn(line, false) : move(rows.slice(0, at).findLast((r) => Number(r.ariaLevel ?? r.getAttribute("aria-level")) < line.level))),
      Enter: () => line.query && go(line.query),
    };
    if (!steps[e.key]) return;
    e.preventDefault();
    steps[e.key]();
  });
}
