// The page shows the snapshots of /api/v1/stream. Names of segments and accounts come from outside: they become
// text nodes only. Each part of the page is a module of its own; this one holds them together.
import { find, put, set, draw, make, list, link } from "/dom.js";
import * as f from "/format.js";
import { waterfall } from "/chart.js";
import { columns, lines } from "/trend.js";
import { showTree, startTree } from "/tree.js";
import { showSegments, startSegments } from "/segments.js";
import { showCohorts } from "/cohort.js";
import { showSlow, showAccounts, showFeed } from "/lists.js";
import { showOutside } from "/outside.js";
import { showAccount, leaveAccount } from "/account.js";
import { now, go, follow, queryWith } from "/choice.js";

const calendar = { day: "the day", week: "the week", month: "the month", quarter: "the quarter", year: "the year" };

// showStatus shows where the service stands, and up to when the figures count everything: rows of metrics come a
// moment after the shards whose events they are of.
function showStatus(status, knownAt) {
  put(find("live"), status.ready ? "live" : status.phase);
  put(find("dot"), "", status.ready ? "dot live" : "dot");
  put(find("watermark"), f.instant(knownAt));
  set(find("watermark"), "data-behind", knownAt === status.watermark ? null : "");
  put(find("lag"), status.lag_records ? `${f.count(status.lag_records)} records, ${Number(status.lag_seconds).toFixed(1)} s` : "none");
  const there = status.shards.filter((s) => s.caught_up).length;
  put(find("complete"), status.shards_of ? `${there} of ${status.shards_of} shards` : "–", status.shards_of && there < status.shards_of ? "falls" : "");
  put(find("records"), f.count(status.records));
  put(find("rejected"), f.count(status.rejected), status.rejected ? "falls" : "");
}

function showPath(snapshot) {
  const steps = [{ label: "All accounts", query: queryWith({ segment: null, type: null }) }];
  if (snapshot.segment) steps.push({ label: f.segment(snapshot.segment), query: queryWith({ type: null }) });
  if (snapshot.type) steps.push({ label: f.words(snapshot.type), query: queryWith({}) });
  find("path").hidden = steps.length === 1;
  list(find("path").firstElementChild, steps, (s) => s.label, () => make("li", "", make("bdi", "", make("a"))), (li, s) => {
    const a = li.firstChild.firstChild;
    link(a, s.query, s.label);
    set(a, "aria-current", s === steps.at(-1) ? "location" : null);
  });
}

function band(node, name, otherwise) {
  put(node, name ? f.bands[name] : otherwise, name ? "small pill " + name : "small");
}

// showRetention shows a year's retention, or a month's where there was nobody a year ago.
function showRetention(name, row, note, known) {
  const year = f.number(row[name + "_12m"]), month = f.number(row[name + "_1m"]), none = year === null && month === null;
  put(find(`tile-${name}-span`), year === null && month !== null ? "1 month" : "12 months");
  put(find("tile-" + name), none ? "–" : f.percent(year ?? month));
  band(find(`tile-${name}-note`), year === null ? null : known, none ? "nobody paid before" : note);
}

function showTiles(row, interval, history) {
  put(find("tile-expansion"), f.whole(Number(row.expansion)));
  put(find("tile-expansion-note"), `${f.count(row.accounts_expanding)} accounts grew` + (row.primary_driver ? `, mostly ${f.words(row.primary_driver)}` : ""));
  put(find("tile-rate"), row.expansion_rate === null ? "–" : f.percent(Number(row.expansion_rate), 2));
  band(find("tile-rate-note"), row.expansion_rate_band, row.expansion_rate === null ? "no opening MRR" : "of opening MRR");
  const growth = f.number(row.growth_rate);
  put(find("tile-growth"), growth === null ? "–" : f.change(growth), `big ${f.direction(growth)}`.trim());
  const mean = f.meanBefore(history);
  put(find("tile-growth-note"), [growth === null ? "nothing to compare with" : `against ${calendar[interval] ?? "the " + interval} before` + (row.final || !calendar[interval] ? "" : ", still open"),
    mean && `${f.change(Number(row.expansion) / mean.amount - 1)} against the ${mean.periods} before`].filter(Boolean).join("; "));
  showRetention("nrr", row, "net of all changes", row.nrr_band);
  showRetention("grr", row, "without expansion", null);
  put(find("tile-mrr"), f.whole(Number(row.closing)));
  put(find("tile-mrr-note"), `${f.count(row.accounts)} paying accounts`);
}

// showProof does the sum again, in the browser, to the last digit.
function showProof(row) {
  const sum = row.movements.reduce((n, m) => n + f.millionths(m.change), f.millionths(row.opening));
  const holds = sum === f.millionths(row.closing);
  const terms = row.movements.map((m) => (m.change.startsWith("-") ? "− " + f.grouped(m.change.slice(1)) : "+ " + f.grouped(m.change)));
  put(find("reconciled"), [f.grouped(row.opening), ...terms, holds ? "=" : "≠", f.grouped(row.closing)].join(" ") +
    (holds ? ", to the last digit" : ": the figures do not reconcile"), holds ? "proof holds" : "proof broken");
}

function showTrend(snapshot) {
  const rows = snapshot.history.map((r) => ({ label: f.tick(r.interval), name: f.period(r.interval), amount: Number(r.expansion), ratio: f.number(r.expansion_rate), final: r.final }));
  find("trend-card").hidden = rows.length < 2;
  if (rows.length < 2) return;
  const said = rows.map((r) => `${r.name} ${f.short(r.amount)}`).join(", ");
  draw(find("trend"), rows, (box) => columns(box, rows, said, f.level, f.percent, (r) =>
    put(find("trend-read"), `${r.name}: ${f.whole(r.amount)}` + (r.ratio === null ? "" : `, ${f.percent(r.ratio, 2)} of opening MRR (dashed)`) + (r.final ? "" : ", not final"))));
}

function showRetentions(snapshot) {
  const rows = snapshot.history.map((r) => ({ label: f.tick(r.interval), name: f.period(r.interval), nrr: f.number(r.nrr_12m), grr: f.number(r.grr_12m) })).filter((r) => r.nrr !== null);
  find("retention-card").hidden = rows.length < 2;
  if (rows.length < 2) return;
  const say = (r) => `${r.name}: net ${f.percent(r.nrr)}, gross ${f.percent(r.grr)} (dashed)`;
  draw(find("retention"), rows, (box) => lines(box, rows, rows.map(say).join("; "), (v) => f.percent(v, 0), (r) => put(find("retention-read"), say(r))));
}

function options(select, values, chosen, name) {
  const key = values.join("\n");
  if (select.dataset.values !== key) {
    select.dataset.values = key;
    select.replaceChildren(...values.map((v) => new Option(name(v), v)));
  }
  if (document.activeElement !== select || !values.includes(select.value)) select.value = chosen;
}

function showChoice(snapshot) {
  options(find("interval"), snapshot.intervals, snapshot.interval, (v) => (calendar[v] ? v : "last " + v));
  options(find("grouping"), snapshot.groupings, snapshot.grouping, (v) => f.words(v).replaceAll(",", " and "));
  options(find("when"), snapshot.periods, snapshot.period, f.period);
  const at = snapshot.periods.indexOf(snapshot.period);
  find("earlier").disabled = at <= 0;
  find("later").disabled = at < 0 || at === snapshot.periods.length - 1;
}

let last = null, heard = 0;
function showAll(snapshot) {
  last = snapshot;
  f.setCurrency(snapshot.currency);
  showStatus(snapshot.status, snapshot.known_at);
  showChoice(snapshot);
  const row = snapshot.total, account = now().account;
  find("empty").hidden = row !== null;
  find("figures").hidden = row === null || Boolean(account);
  find("choice").hidden = Boolean(account);
  if (account) {
    put(find("period"), `One account, amounts in ${snapshot.currency} a month`);
    showAccount(account);
  } else leaveAccount();
  if (!row || account) return;
  put(find("period"), `${f.period(row.interval)}${row.final ? "" : calendar[snapshot.interval] ? ", not final" : ""}, amounts in ${snapshot.currency} a month` +
    (row.complete ? "" : ", some shards are missing"));
  showPath(snapshot);
  showSlow(snapshot);
  showTiles(row, snapshot.interval, snapshot.history);
  draw(find("waterfall"), [row.opening, row.movements, row.closing], (box) => waterfall(box, row, (k) => f.flows[k] ?? k, f.short, f.signed));
  showProof(row);
  showTree(snapshot);
  showTrend(snapshot);
  showRetentions(snapshot);
  showSegments(snapshot);
  showAccounts(snapshot);
  showCohorts(snapshot.cohorts);
  showFeed(snapshot.feed);
  showOutside(snapshot);
}
const again = () => last && showAll(last);

let stream = null, asked = null;
function connect() {
  const query = new URLSearchParams(now());
  query.delete("account");
  asked = query.toString();
  stream?.close();
  stream = new EventSource("/api/v1/stream?" + asked);
  stream.onmessage = (message) => {
    document.body.classList.remove("stale");
    heard = Date.now();
    showAll(JSON.parse(message.data));
    showFresh();
  };
  stream.onerror = () => { // the browser connects again by itself, but not after an answer that is no stream
    document.body.classList.add("stale");
    put(find("live"), "connection lost");
    put(find("dot"), "", "dot lost");
    if (stream.readyState === EventSource.CLOSED) giveWay(asked);
  };
}

// giveWay answers a refused stream: what there is no such thing of is no longer asked for, else it is tried again.
async function giveWay(query) {
  const answer = await fetch("/api/v1/stream?" + query, { method: "HEAD" }).catch(() => null);
  if (query !== asked) return;
  if (answer?.status === 404 && query) go(queryWith({ interval: null, grouping: null, period: null, segment: null, type: null }));
  else setTimeout(connect, 3000);
}

// showFresh says how long ago the figures came: a page that hangs must not look like one that is live.
function showFresh() {
  if (!heard) return;
  const seconds = Math.round((Date.now() - heard) / 1000);
  put(find("fresh"), seconds < 2 ? "now" : seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`);
}

follow(() => {
  const query = new URLSearchParams(now());
  query.delete("account");
  if (query.toString() === asked) again();
  else connect();
});

function choose(changes) { go(queryWith(changes)); }
find("interval").addEventListener("change", (e) => choose({ interval: e.target.value, period: null }));
find("grouping").addEventListener("change", (e) => choose({ grouping: e.target.value, segment: null }));
find("when").addEventListener("change", (e) => choose({ period: e.target.value }));
for (const [id, step] of [["earlier", -1], ["later", 1]]) {
  find(id).addEventListener("click", () => {
    const to = last?.periods[last.periods.indexOf(last.period) + step];
    if (to) choose({ period: to });
  });
}
find("choice").addEventListener("submit", (e) => e.preventDefault());
find("home").dataset.go = "";
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) => { document.documentElement.dataset.turn = String(e.matches); again(); });
addEventListener("again", again);
new ResizeObserver(again).observe(document.querySelector("main"));
setInterval(showFresh, 1000);
startTree();
startSegments();
connect();
