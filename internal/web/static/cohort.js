// The heat map of cohorts: what the accounts of a month pay as they grow older, beside what they paid at the
// end of their first month. The figure is in each cell: the colour only repeats it.
import { find, put, set, make } from "/dom.js";
import { percent, whole, period, count } from "/format.js";

const steps = [0.8, 0.95, 1.05, 1.2, 1.5];
const heat = (v) => "heat heat" + steps.filter((s) => v >= s).length;
let drawn = "";

export function showCohorts(cohorts) {
  const table = find("cohorts"), rows = cohorts?.rows ?? [];
  table.hidden = !rows.length;
  put(find("cohort-note"), cohorts === null ? "No grouping of this configuration tells cohorts apart: add [cohort] to groupings." :
    rows.length ? "Net: expansion less what was lost, new accounts not counted. The last cell of a line is the open month." : "No cohort has a month behind it yet.");
  const key = JSON.stringify(rows);
  if (key === drawn) return;
  drawn = key;
  const ages = Math.max(0, ...rows.map((r) => r.closing.length));
  const head = make("tr", "", column("First paid"), column("Then"));
  for (let age = 1; age < ages; age++) head.append(column("+" + age, `${age} months later`));
  table.replaceChildren(make("thead", "", head), make("tbody", "", ...rows.map((r) => line(r, ages))));
}

function column(text, said) {
  const th = make("th", "", text);
  th.scope = "col";
  if (said) set(th, "aria-label", said);
  return th;
}

function line(row, ages) {
  const head = make("th", "", period(row.cohort)), first = Number(row.closing[0]);
  head.scope = "row";
  set(head, "title", `${count(row.accounts)} accounts pay`);
  const tr = make("tr", "", head, make("td", "", whole(first)));
  for (let age = 1; age < ages; age++) {
    if (age >= row.closing.length) {
      tr.append(make("td", "gap"));
      continue;
    }
    const v = Number(row.closing[age]) / first;
    tr.append(make("td", heat(v), percent(v, 0)));
  }
  return tr;
}
