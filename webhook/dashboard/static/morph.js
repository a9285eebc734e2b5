// Makes one piece of the page like another one that the server has sent, by changing as little as
// it can: what has the focus, is open, scrolled or being typed into stays as it is.
"use strict";

const identity = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? node.id || node.getAttribute("data-key") || "" : "";

const alike = (a, b) =>
  a.nodeType === b.nodeType && a.nodeName === b.nodeName && identity(a) === identity(b);

// Whether something is open is up to who has opened it. (A field that somebody has typed into
// does not look at its attribute any more.)
const OWN = { DETAILS: ["open"] };

function attributes(here, there) {
  const kept = OWN[here.nodeName.toUpperCase()] || [];
  for (const { name, value } of [...there.attributes])
    if (!kept.includes(name) && here.getAttribute(name) !== value) here.setAttribute(name, value);
  for (const { name } of [...here.attributes])
    if (!kept.includes(name) && !there.hasAttribute(name)) here.removeAttribute(name);
}

function morph(here, there) {
  if (here.nodeType !== Node.ELEMENT_NODE) {
    if (here.nodeValue !== there.nodeValue) here.nodeValue = there.nodeValue;
    return;
  }
  if (here.isEqualNode(there)) return;
  attributes(here, there);
  const known = new Map();
  for (const child of here.children) if (identity(child)) known.set(identity(child), child);
  let at = here.firstChild;
  for (const wanted of [...there.childNodes]) {
    const name = identity(wanted);
    let found = name ? known.get(name) : at;
    if (found && !alike(found, wanted)) found = null;
    if (found && found !== at) here.insertBefore(found, at);
    if (found) {
      const before = name ? news(found) : "";
      morph(found, wanted);
      at = found.nextSibling;
      if (name && before !== news(found)) flash(found);
    } else {
      const made = document.importNode(wanted, true);
      here.insertBefore(made, at);
      if (name) flash(made);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// What a row says, without times: that they grow is no news.
function news(element) {
  const copy = element.cloneNode(true);
  for (const one of copy.querySelectorAll?.("time, [data-age]") || []) one.remove();
  return copy.textContent.replace(/\s+/g, " ");
}

function flash(element) {
  if (!element.classList || !element.matches("tr, li")) return;
  element.classList.add("fresh");
  element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
}
