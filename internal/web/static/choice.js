// What is looked at. It lives in the address, so that it can be sent to somebody and survives a reload.

const names = ["interval", "grouping", "period", "segment", "type", "account"];

export function now() {
  const query = new URLSearchParams(location.search), choice = {};
  for (const name of names) if (query.get(name)) choice[name] = query.get(name);
  return choice;
}

// with is the query of the present choice after some changes; null takes a part away.
export function queryWith(changes) {
  const choice = { ...now(), ...changes };
  const query = new URLSearchParams();
  for (const name of names) if (choice[name]) query.set(name, choice[name]);
  return query.toString();
}

const followers = [];
export const follow = (f) => followers.push(f);

export function go(query) {
  const same = query === location.search.replace(/^\?/, "");
  if (!same) history.pushState(null, "", query ? "?" + query : location.pathname);
  for (const f of followers) f();
}

addEventListener("popstate", () => { for (const f of followers) f(); });

document.addEventListener("click", (e) => {
  const a = e.target.closest?.("a[data-go]");
  if (!a || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  go(a.getAttribute("href").slice(1));
});
