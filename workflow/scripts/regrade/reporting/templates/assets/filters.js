// Forms above a table show and hide its rows. A select keeps the rows whose data-<its name> is the chosen value, the
// search those with the text. The page's address holds what is chosen: index.html?verdict=confirmed#claims
// A link to a row that is hidden shows all rows.
"use strict";

const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();

for (const form of document.querySelectorAll("form.filters")) {
  const table = document.getElementById(form.dataset.table);
  const rows = [...table.querySelectorAll("tbody > tr:not(.section)")];
  const [search] = form.querySelectorAll("input[type=search]");
  const selects = [...form.querySelectorAll("select")];
  const count = form.querySelector("output");

  const apply = () => {
    const wanted = plain(search.value);
    for (const row of rows) {
      const chosen = selects.every(({ name, value }) => !value || row.dataset[name] === value);
      row.hidden = !chosen || !plain(row.textContent).includes(wanted);
    }
    for (const group of table.tBodies) {
      group.hidden = ![...group.rows].some((row) => !row.hidden && !row.classList.contains("section"));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };

  const remember = () => address.set(Object.fromEntries([...selects, search].map(({ name, value }) => [name, value])));

  const reveal = (hash) => {
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!table.contains(target) || !target.closest("[hidden]")) return;
    for (const control of [...selects, search]) control.value = "";
    apply();
    remember();
  };

  for (const select of selects) {
    const wanted = address.get(select.name);
    if ([...select.options].some(({ value }) => value === wanted)) select.value = wanted;
  }
  search.value = address.get(search.name) ?? "";
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      apply();
      remember();
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  // Before the browser goes there
  document.addEventListener("click", ({ target }) => reveal(target.closest?.("a[href^='#']")?.hash ?? ""));
  form.hidden = false;
  apply();
  reveal(location.hash);
}
