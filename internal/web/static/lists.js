// The findings, the accounts behind the figures, and the latest movements.
import { find, put, set, make, list, draw, link } from "/dom.js";
import { plain, sentence, whole, short, signed, change, date, words, segment, period, flows } from "/format.js";
import { queryWith } from "/choice.js";
import { spark } from "/chart.js";

export function showSlow(snapshot) {
  find("finding").hidden = !snapshot.slow.length;
  list(find("slow"), snapshot.slow, (s) => [s.grouping, s.segment, s.type].join("/"),
    () => make("li", "", make("span", "sparkbox"), make("p", "", make("a"), make("span"))),
    (li, s) => {
      const now = Number(s.now), before = Number(s.before), rate = now / before - 1;
      draw(li.firstChild, s.trend, (box) => spark(box, s.trend.map(Number), "its last periods", true));
      const [a, rest] = li.lastChild.children;
      link(a, queryWith({ grouping: s.grouping, segment: s.segment, type: s.type }), `${sentence(words(s.type))} expansion in ${segment(s.segment)}`);
      put(rest, `: ${whole(now)} in ${period(snapshot.period)}, after ${whole(before)} a ${snapshot.interval} in the ${s.periods} before (${change(rate)}).`);
    });
}

const none = {
  expanding: "No account expanded.", shrinking: "No account shrank.", slowing: "No account added less than before.",
};

export function showAccounts(snapshot) {
  const accounts = snapshot.accounts;
  const of = [snapshot.segment && segment(snapshot.segment), snapshot.type && words(snapshot.type)].filter(Boolean).join(", ");
  put(find("accounts-title"), "Accounts behind it" + (accounts ? ", " + period(accounts.month) : "") + (of ? ": " + of : ""));
  for (const name of ["expanding", "shrinking", "slowing"]) {
    const rows = accounts?.[name] ?? [], box = find(name);
    if (!rows.length) empty(box, none[name]);
    else list(box, rows, (r) => r.account, entry, (li, r) => fill(li, r, name));
  }
  put(find("accounts-note"), !accounts ? "This grouping splits amounts, not accounts." : accounts.complete ? "" :
    "Only the accounts that moved most are kept here; smaller ones may be missing.");
}

function empty(box, text) {
  list(box, [text], (t) => "//" + t, () => make("li", "none"), (li, t) => put(li, t));
}

const entry = () => make("li", "", make("span", "who", make("bdi", "", make("a"))), make("b"), make("small"));

function who(li, r) {
  const a = li.querySelector("a");
  link(a, queryWith({ account: r.account }), plain(r.name ?? r.account));
  set(a, "title", r.account);
}

function fill(li, r, name) {
  who(li, r);
  const [, amount, note] = li.children;
  if (name === "slowing") {
    put(amount, signed(Number(r.amount) - Number(r.before)), "falls");
    put(note, `${short(Number(r.amount))} after ${short(Number(r.before))} a month`);
  } else {
    put(amount, signed(name === "expanding" ? Number(r.amount) : -Number(r.amount)), name === "expanding" ? "rises" : "falls");
    put(note, Number(r.mrr) ? `MRR ${short(Number(r.mrr))}` : "pays nothing now");
  }
}

export function showFeed(feed) {
  if (!feed.length) return empty(find("feed"), "No movement yet.");
  list(find("feed"), feed, (m) => m.account + m.effective_at + m.class + m.change, entry, (li, m) => {
    who(li, m);
    const [, amount, note] = li.children, v = Number(m.change);
    put(amount, signed(v), v < 0 ? "falls" : "rises");
    put(note, `${flows[m.class] ?? m.class}${m.type ? ", " + words(m.type) : ""} · ${date(m.effective_at)}`);
  });
}
