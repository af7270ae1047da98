// What all pages do for their readers: tables that scroll can be reached by keyboard, texts can be copied, the contents
// show where one is, and printing is a button.
"use strict";

/** Only what does scroll is a stop for the keyboard. */
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
    if (scrolls) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".wide, fieldset > div, pre")) sizes.observe(box);

/** Copy the text of an element; where the browser refuses, select it. */
async function copy(element, status) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    status.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(element);
    status.textContent = "Selected. Copy it with Ctrl+C.";
  }
}

/** A button that copies the text of an element, and a place that says so. */
function copier(name, element) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Copy ${name}` });
  const status = document.createElement("output");
  button.addEventListener("click", () => copy(element, status));
  return [button, " ", status];
}

for (const text of document.querySelectorAll("pre[data-copy]")) text.before(...copier(text.dataset.copy, text));
for (const link of document.querySelectorAll("a[data-copies]")) {
  link.after(" ", ...copier("BibTeX", document.getElementById(link.dataset.copies)));
}

const contents = document.querySelector(".contents");
if (contents) {
  const print = Object.assign(document.createElement("button"), { type: "button", textContent: "Print" });
  print.addEventListener("click", () => window.print());
  contents.append(print);

  const links = new Map([...contents.querySelectorAll("a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const places = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    // A narrow page has no room for links of the lower levels
    const shown = places.filter((place) => place.checkVisibility() && links.get(place.id).checkVisibility());
    const passed = shown.filter((place) => place.getBoundingClientRect().top < 90);
    const here = links.get((passed.at(-1) ?? shown[0])?.id);
    if (here?.hasAttribute("aria-current")) return;
    for (const link of links.values()) link.removeAttribute("aria-current");
    here?.setAttribute("aria-current", "true");
    if (here) contents.scrollTo({ top: here.offsetTop - contents.clientHeight / 2, left: here.offsetLeft - 40 });
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}
