// One account: its MRR over time, and every movement with the rule that decided and the events behind it.
import { find, put, make, list, draw, link } from "/dom.js";
import { plain, cents, whole, short, level, signedWhole, grouped, millionths, instant, date, words, count, currencyCode, flows } from "/format.js";
import { queryWith } from "/choice.js";
import { steps } from "/trend.js";

const every = 5000; // ms
let shown = "", asked = 0, waiting = false;

export function leaveAccount() {
  shown = "";
  find("account").hidden = true;
}

// showAccount asks for the account, at once and then now and then.
export async function showAccount(id) {
  const fresh = id !== shown;
  if (waiting || (!fresh && Date.now() - asked < every)) return;
  if (fresh) begin(id);
  waiting = true;
  asked = Date.now();
  try {
    const answer = await fetch(`/api/v1/accounts/${encodeURIComponent(id)}/explain`, { headers: { Accept: "application/json" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return put(find("account-note"), "Another instance has this account: open the page of that instance.");
    const body = await answer.json();
    if (id !== shown) return;
    if (answer.ok) fill(body);
    else refuse(body);
  } catch {
    put(find("account-note"), "The account cannot be read at the moment.");
  } finally {
    waiting = false;
  }
}

function begin(id) {
  shown = id;
  find("account").hidden = false;
  find("account-body").hidden = true;
  put(find("account-title").firstChild, plain(id));
  put(find("account-id"), "");
  put(find("account-note"), "Reading the account.");
  link(find("account-back"), queryWith({ account: null }));
  scrollTo(0, 0);
  find("account-title").focus({ preventScroll: true });
}

function refuse(body) {
  const nearest = body.nearest?.length ? " Did you mean " + body.nearest.join(", ") + "?" : "";
  put(find("account-note"), (body.error ?? "The account cannot be read at the moment.") + nearest);
}

function fill(x) {
  find("account-body").hidden = false;
  put(find("account-note"), "");
  put(find("account-title").firstChild, plain(x.name ?? x.account));
  put(find("account-id"), x.name ? plain(x.account) : "");
  put(find("account-mrr"), whole(Number(x.mrr)));
  put(find("account-status"), `${words(x.status)}, as of ${instant(x.as_of)}`);
  put(find("account-count"), count(x.movements.length + x.movements_left_out));
  put(find("account-left"), x.movements_left_out ? `the ${count(x.movements.length)} latest are listed` : "all are listed");
  const points = line(x);
  draw(find("account-line"), points, (box) => steps(box, points, "MRR over time, from " + cents(points[0].level) + " to " + cents(points.at(-1).level), level, (p) => put(find("account-read"), `${date(p.text)}: ${cents(p.level)}`)));
  showProof(x);
  list(find("account-movements"), [...x.movements].reverse(), (m) => m.movement, build, entry);
}

// line is the level after each movement, and now.
function line(x) {
  const points = [];
  const add = (text, level) => {
    const at = Date.parse(text) / 1000;
    if (points.at(-1)?.at >= at) points.at(-1).level = level; // several at one instant: the last one stands
    else points.push({ at, text, level });
  };
  for (const m of x.movements) if (!m.merged_into) add(m.effective_at, Number(m.mrr_after));
  add(x.as_of, Number(x.mrr));
  return points;
}

function showProof(x) {
  const left = x.movements_left_out ? millionths(x.movements_left_out_change) : 0n;
  const sum = x.movements.reduce((n, m) => n + millionths(m.change), millionths(x.booked_before) + left);
  const holds = sum === millionths(x.closing_mrr);
  put(find("account-proof"), `${grouped(x.booked_before)} and ${count(x.movements.length + x.movements_left_out)} movements ${holds ? "=" : "≠"} ${grouped(x.closing_mrr)} ${currencyCode()}` +
    (holds ? ", to the last digit" : ": the figures do not reconcile"), holds ? "proof holds" : "proof broken");
}

function build() {
  const head = make("summary", "", make("span", "when"), make("span", "pill plain"), make("span", "what"), make("b"));
  const details = make("details", "", head, make("p"), make("p", "small"), make("ul"));
  return make("li", "", details);
}

function entry(li, m) {
  const [head, why, rule, events] = li.firstChild.children, [when, kind, what, amount] = head.children;
  const v = Number(m.change);
  li.className = v || m.parts.length ? "" : "still";
  put(when, date(m.effective_at));
  put(kind, flows[m.class] ?? m.class);
  put(what, m.parts.map((p) => `${words(p.type.replace(/^(up|down)_/, ""))} ${p.type.startsWith("up") ? "+" : "−"}${short(Number(p.amount))}`).join(", "));
  put(amount, v ? signedWhole(v) : "0", v < 0 ? "falls" : v > 0 ? "rises" : "");
  put(why, m.reason || "");
  const marks = [`rule ${m.rule}`, `MRR after it ${cents(Number(m.mrr_after))}`, m.final ? "final" : "may still change", m.provisional && "provisional", m.unconfirmed && "unconfirmed", m.merged_into && "part of " + m.merged_into];
  put(rule, marks.filter(Boolean).join(" · "));
  list(events, m.events, (e) => e.source + "/" + e.id + "/" + e.role + e.revision, () => make("li"), (item, e) =>
    put(item, `${e.role}: ${e.type} ${e.id} of ${instant(e.time)}` + (e.topic === null ? "" : `, ${e.topic} partition ${e.partition} offset ${e.offset}`)));
}
