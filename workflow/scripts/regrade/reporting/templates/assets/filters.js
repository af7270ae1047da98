// Forms above a table show and hide its rows. A select keeps the rows whose data-<its name> is the chosen value, the
// search those with the text. The page's address may preset a select: index.html?verdict=confirmed#claims
"use strict";

const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();

for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const selects = [...form.querySelectorAll("select")];
  const count = form.querySelector("output");

  const apply = () => {
    const wanted = plain(form.elements.text.value);
    for (const row of rows) {
      const chosen = selects.every(({ name, value }) => !value || row.dataset[name] === value);
      row.hidden = !chosen || !plain(row.textContent).includes(wanted);
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };

  const preset = new URLSearchParams(location.search);
  for (const select of selects) {
    const wanted = preset.get(select.name);
    if ([...select.options].some(({ value }) => value === wanted)) select.value = wanted;
  }
  for (const kind of ["input", "change"]) form.addEventListener(kind, apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}
