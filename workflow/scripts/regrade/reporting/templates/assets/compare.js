// Two cells side by side: the settings in which they differ, their curves, their numbers.
"use strict";

class Comparison {
  constructor(place) {
    this.place = place;
    this.form = place.querySelector("form");
    this.about = JSON.parse(place.querySelector("script").textContent);
    this.chart = new Chart(place.querySelector(".chart"));
    this.colours = JSON.parse(place.dataset.colours);
    const { first, second, log, seeds } = this.form.elements;
    const known = [first, second].map((select) => {
      for (const { name, title, cells } of this.about.experiments) {
        const group = document.createElement("optgroup");
        group.label = `${name}: ${title}`;
        group.append(...cells.map((cell) => new Option(cell.label, `${name}/${cell.name}`)));
        select.append(group);
      }
      return choose(select, address.get(select.name));
    });
    // A partner for what was asked for, or for the first cell
    if (!known[1] && second.options.length > 1) second.selectedIndex = first.selectedIndex ? 0 : 1;
    log.checked = Boolean(address.get("log"));
    seeds.checked = Boolean(address.get("seeds"));
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", ({ target }) => (target === first || target === second ? this.open() : this.react(target)));
    this.open(address.get("metric"), address.get("split"));
  }

  async open(asked, split) {
    const { first, second, metric } = this.form.elements;
    const status = this.place.querySelector("[role=status]");
    const chosen = [first.value, second.value].map((value) => value.split("/"));
    try {
      this.contents = await Promise.all(chosen.map(([experiment]) => load(this.about.root, experiment)));
    } catch (error) {
      status.textContent = error.message;
      return;
    }
    this.cells = chosen.map(([experiment, name], i) => {
      const cell = this.contents[i].cells.find((one) => one.name === name);
      return { ...cell, label: cell.label === experiment ? experiment : `${experiment}: ${cell.label}` };
    });
    status.textContent = first.value === second.value ? "Both are the same cell. Choose another one." : "";
    this.write();
    const before = metric.value;
    const metrics = Object.keys(this.contents[0].metrics).filter((name) => name in this.contents[1].metrics);
    fill(metric, metrics.map((name) => [name, name.replaceAll("_", " ")]));
    [asked, before, "accuracy"].find((name) => choose(metric, name));
    this.offer();
    choose(this.form.elements.split, split);
    this.draw();
    if (asked === undefined) this.remember();
  }

  /** The splits that both cells have of the metric. */
  offer() {
    const { metric, split } = this.form.elements;
    const [one, other] = this.contents.map(({ metrics }) => metrics[metric.value] ?? []);
    this.splits = one.filter((name) => other.includes(name));
    offer(split, this.splits, evaluated(this.splits));
  }

  react(target) {
    if (target === this.form.elements.metric) this.offer();
    this.draw();
    this.remember();
  }

  remember() {
    const { first, second, metric, split, log, seeds } = this.form.elements;
    address.set({
      first: first.value, second: second.value, metric: metric.value, split: split.value, log: log.checked, seeds: seeds.checked,
    });
  }

  /** The tables of settings and of numbers. */
  write() {
    const [one, other] = this.cells;
    const links = this.cells.map(({ label, page, file }) => [link(page, label), " ", link(file, "file")]);
    for (const head of this.place.querySelectorAll(".settings-differ thead tr, .numbers thead tr")) {
      const step = head.closest(".numbers") ? 2 : 1;
      links.forEach((parts, i) => head.cells[1 + step * i].replaceChildren(...parts.map((part) => part.cloneNode?.(true) ?? part)));
    }
    const names = [...new Set([...Object.keys(one.settings), ...Object.keys(other.settings)])];
    const said = (cell, name) => cell.settings[name] ?? "–";
    const differ = names.filter((name) => said(one, name) !== said(other, name));
    const same = names.filter((name) => !differ.includes(name));
    this.fill(".settings-differ", differ.map((name) => [name, said(one, name), said(other, name)]));
    this.place.querySelector(".alike").hidden = differ.length > 0;
    this.fill(".settings-same", same.map((name) => [name, said(one, name)]));
    const of = (cell, name) => (cell.numbers.find(([metric]) => metric === name) ?? [name, "–", "–"]).slice(1);
    const metrics = [...new Set(this.cells.flatMap(({ numbers }) => numbers.filter(([, mean]) => mean).map(([metric]) => metric)))];
    this.fill(".numbers", metrics.map((name) => [name.replaceAll("_", " "), ...of(one, name), ...of(other, name)]));
  }

  fill(table, lines) {
    this.place.querySelector(`${table} tbody`).replaceChildren(...lines.map((texts) => {
      const row = document.createElement("tr");
      row.append(...texts.map((text, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) cell.scope = "row";
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
  }

  draw() {
    const { metric, split, log, seeds } = this.form.elements;
    const splits = split.value === "all" ? this.splits : [split.value];
    const chosen = { metric: metric.value, splits, log: log.checked, everySeed: seeds.checked };
    this.place.querySelector(".remarks").textContent = drawCurves(this.chart, this.cells, chosen, this.colours);
  }
}

function link(href, textContent) {
  return Object.assign(document.createElement("a"), { href, textContent });
}

for (const place of document.querySelectorAll(".compare")) new Comparison(place);
