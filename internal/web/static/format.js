// Figures as people read them. Amounts travel as decimal strings; they are drawn as numbers and compared
// as exact integers of millionths.

let currency = "USD";
let formats = new Map();

export function setCurrency(code) {
  if (code === currency) return;
  currency = code;
  formats = new Map();
}
export const currencyCode = () => currency;

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) {
    let made;
    try {
      made = new Intl.NumberFormat("en-US", { style: "currency", currency, ...options });
    } catch { // a code that the browser does not take as a currency
      made = new Intl.NumberFormat("en-US", options);
    }
    formats.set(key, made);
  }
  return formats.get(key);
}

const minus = "−";
export const whole = (v) => (v < 0 ? minus : "") + format({ maximumFractionDigits: 0 }).format(Math.abs(v));
export const cents = (v) => (v < 0 ? minus : "") + format({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(Math.abs(v));

// short is an amount that fits beside a bar: $980, $12.3K, $2.69M.
export function short(v) {
  const size = Math.abs(v);
  if (size < 10000) return whole(v);
  const digits = size < 999950 ? 1 : 2;
  return (v < 0 ? minus : "") + format({ notation: "compact", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(size);
}
// level is an amount on an axis: as short as it can be.
export const level = (v) => short(v).replace(/\.0+(?=[A-Z]|$)/, "");
export const signed = (v) => (v < 0 ? "" : "+") + short(v);
export const signedWhole = (v) => (v < 0 ? "" : "+") + whole(v);

export const percent = (v, digits = 1) =>
  (v < 0 ? minus : "") + Math.abs(v * 100).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + " %";
export const change = (v) => (Math.abs(v) < 0.0005 ? "" : v < 0 ? "" : "+") + percent(v);
export const direction = (v) => (v === null || Math.abs(v) < 0.0005 ? "" : v < 0 ? "falls" : "rises");
export const count = (n) => n.toLocaleString("en-US");
export const number = (text) => (text === null || text === undefined ? null : Number(text));

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const words = (name) => name.replaceAll("_", " ");

// plain is a name from outside for people: what would turn the text around it, or shows nothing, is marked.
export const plain = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

// segment is a segment's name for people: its values apart, and their escapes undone.
export function segment(name) {
  return plain(name.split(",").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }).join(" · "));
}

// grouped sets thousands apart without reading the amount as a number.
export const grouped = (decimal) => decimal.replace(/\d(?=(\d{3})+\.)/g, "$&,").replace("-", minus);

export function millionths(decimal) {
  const negative = decimal.startsWith("-");
  const [units, fraction = ""] = decimal.replace("-", "").split(".");
  const n = BigInt(units) * 1000000n + BigInt(fraction.padEnd(6, "0"));
  return negative ? -n : n;
}

export function instant(text) {
  return text ? new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }) + " UTC" : "–";
}
export function date(text) {
  return text ? new Date(text).toLocaleDateString("en-GB", { dateStyle: "medium", timeZone: "UTC" }) : "–";
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// period is an interval's name for people: Dec 2025, 5 Mar 2026; others are read as they are.
export function period(name) {
  const parts = /^(\d{4})-(\d\d)(?:-(\d\d))?$/.exec(name);
  if (!parts) return /^\d+[hd]$/.test(name) ? "last " + name : name;
  return (parts[3] ? Number(parts[3]) + " " : "") + months[Number(parts[2]) - 1] + " " + parts[1];
}
// tick is the same for an axis.
export function tick(name) {
  const parts = /^(\d{4})-(\d\d)(?:-(\d\d))?$/.exec(name);
  if (parts) return parts[3] ? `${Number(parts[3])} ${months[Number(parts[2]) - 1]}` : months[Number(parts[2]) - 1] + " " + parts[1].slice(2);
  return name.replace(/^\d{4}-(?=W)/, "");
}

// meanBefore is the mean expansion of up to six periods before the last one, where there are two.
export function meanBefore(history) {
  const before = history.slice(-7, -1), sum = before.reduce((n, r) => n + Number(r.expansion), 0);
  return before.length >= 2 && sum > 0 ? { amount: sum / before.length, periods: before.length } : null;
}

export const bands = { below_benchmark: "below benchmark", good: "good", great: "great", best: "best in class" };
export const flows = {
  new: "new", expansion: "expansion", reactivation: "reactivated", resumed: "resumed", transfer_in: "moved in", usage_change: "usage",
  fx: "exchange", contraction: "contraction", churned: "churned", paused: "paused", transfer_out: "moved out",
  churn: "churned", resume: "resumed", pause: "paused", transfer: "moved", none: "no change",
};
