// Panels that read a route of the API of their own, now and then: accounts that are ready to expand, and
// alerts. A service without the route says so in the snapshot, and is not asked.
import { find, put, set, make, list, link } from "/dom.js";
import { plain, words, segment, short, number, instant } from "/format.js";
import { queryWith } from "/choice.js";

const every = 10000; // ms
let asked = 0, said = null, offers = {};

async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const body = await answer.json();
  return Array.isArray(body) ? body : body.rows ?? [];
}

// showOutside asks again where it is time to.
export function showOutside(snapshot) {
  offers = snapshot.offers;
  const due = Date.now() - asked >= every;
  if (due || snapshot.alerts_said !== said) {
    said = snapshot.alerts_said;
    panel("alerts", offers.alerts, "/api/v1/alerts?limit=20", showAlerts, "This service evaluates no alert rules. Where expansion slowed stands at the top of the page.");
  }
  if (!due) return;
  asked = Date.now();
  panel("ready", offers.readiness, "/api/v1/accounts?sort=readiness_index&gated=false&limit=8", showReady, "This service keeps no readiness of accounts.");
}

async function panel(name, offered, path, show, absent) {
  const note = find(name + "-note");
  if (!offered) return put(note, absent);
  try {
    put(note, show(await read(path)));
  } catch (e) {
    find(name).replaceChildren();
    put(note, e.message === "404" ? absent : "Not available at the moment.");
  }
}

function showReady(rows) {
  const ready = rows.filter((r) => number(r.readiness_index) !== null && !r.gated);
  list(find("ready"), ready.slice(0, 8), (r) => r.account, () => make("li", "", make("span", "who", make("bdi", "", make("a"))), make("b"), make("small")), (li, r) => {
    const [, index, note] = li.children;
    link(li.querySelector("a"), queryWith({ account: r.account }), plain(r.name ?? r.account));
    put(index, String(Math.round(Number(r.readiness_index))));
    put(note, `of 100 · MRR ${short(Number(r.mrr))}`);
  });
  return ready.length ? "" : "No account is ready by its signals.";
}

function showAlerts(rows) {
  const firing = rows.filter((r) => ["pending", "firing", "suspect"].includes(r.state) && !r.deleted);
  list(find("alerts"), firing.slice(0, 8), (r) => [r.rule, r.grouping, r.segment].join("/"), () => make("li", "", make("p", "", make("b"), make("a")), make("p", "small"), make("p", "small")), (li, r) => {
    const [head, why, since] = li.children;
    put(head.firstChild, [r.state, r.severity].filter(Boolean).join(", ") + ": ");
    link(head.lastChild, queryWith({ grouping: r.grouping, segment: r.segment === "all" ? null : r.segment }), `${words(r.rule)} · ${segment(r.segment)}`);
    put(why, r.summary ?? "");
    put(since, r.fired_at ?? r.since ? "since " + instant(r.fired_at ?? r.since) : "");
    set(li, "data-state", r.state ?? null);
  });
  return firing.length ? "" : "Nothing is firing.";
}
