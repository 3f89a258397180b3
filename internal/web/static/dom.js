// Small help with the page's nodes. What came from outside goes in as text nodes only.

export const find = (id) => document.getElementById(id);

// put changes a node's text, and its class, only where they differ: what did not change is left alone.
export function put(node, content, kind) {
  if (node.textContent !== content) node.textContent = content;
  if (kind !== undefined && node.className !== kind) node.className = kind;
}

export function set(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// make builds an element; children are nodes and texts.
export function make(name, kind, ...children) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  node.append(...children);
  return node;
}

// list keeps one child for each entry, found again by its key, so that the focus and the place where somebody
// reads stay where they are.
export function list(parent, entries, key, build, fill) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let last = null;
  for (const entry of entries) {
    const name = key(entry);
    let child = known.get(name);
    if (child) known.delete(name);
    else {
      child = build(entry);
      child.dataset.key = name;
    }
    fill(child, entry);
    const place = last ? last.nextElementSibling : parent.firstElementChild;
    if (place !== child) parent.insertBefore(child, place);
    last = child;
  }
  for (const left of known.values()) left.remove();
}

// Charts are drawn again when what they show, or their width, changed.
const drawn = new WeakMap();
export function draw(box, shown, how) {
  const key = JSON.stringify(shown) + box.clientWidth + document.documentElement.dataset.turn;
  if (drawn.get(box) === key) return;
  drawn.set(box, key);
  how(box);
}

// link is a way to another view of this page; page.js follows it without loading the page anew.
export function link(a, query, content) {
  const target = "?" + query;
  set(a, "href", target);
  a.dataset.go = "";
  if (content !== undefined) put(a, content);
  return a;
}
