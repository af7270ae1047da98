// The explorer: curves of the chosen cells of an experiment, and all of its runs by their settings. What is chosen is in the page's address.
"use strict";

class Explorer {
  constructor(place) {
    this.form = place.querySelector("form");
    this.note = place.querySelector("[role=status]");
    this.two = place.querySelector(".two");
    this.about = JSON.parse(place.querySelector("script").textContent);
    this.chart = new Chart(place.querySelector(".chart"));
    this.parallel = new Chart(place.querySelector(".parallel"));
    this.colours = JSON.parse(place.dataset.colours);
    const { experiment, log, seeds, all, none } = this.form.elements;
    fill(experiment, this.about.experiments.map(({ name, title }) => [name, `${name}: ${title}`]));
    choose(experiment, address.get("explore"));
    log.checked = Boolean(address.get("log"));
    seeds.checked = Boolean(address.get("seeds"));
    // On a cell's own page there is nothing to choose, and the single runs are what one looks for
    if (this.about.cell) {
      for (const part of [experiment.closest("label"), this.form.querySelector("fieldset")]) part.hidden = true;
      seeds.checked = true;
    }
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", ({ target }) => (target === experiment ? this.open() : this.react(target)));
    all.addEventListener("click", () => this.tick(true));
    none.addEventListener("click", () => this.tick(false));
    this.open(address.all("cell"), address.get("metric"), address.get("split"));
  }

  /** Show the chosen experiment; of the cells that are named, or all ("*"), or none ("-"), or the first ones. */
  async open(cells, metric, split) {
    const elements = this.form.elements;
    try {
      this.content = await load(this.about.root, elements.experiment.value);
    } catch (error) {
      this.note.textContent = error.message;
      return;
    }
    const named = new Set(this.about.cell ? [this.about.cell] : cells);
    const first = (cell, i) => (named.size ? named.has(cell.name) || named.has("*") : i < 4);
    this.form.querySelector("fieldset div").replaceChildren(...this.content.cells.map((cell, i) => this.entry(cell, first(cell, i))));
    const before = elements.metric.value;
    const metrics = Object.keys(this.content.metrics);
    fill(elements.metric, metrics.map((name) => [name, name.replaceAll("_", " ")]));
    [metric, before, "accuracy"].find((name) => choose(elements.metric, name));
    this.offer();
    choose(elements.split, split);
    this.draw();
    if (!cells) this.remember();
  }

  entry(cell, checked) {
    const [line, label, box, link] = ["div", "label", "input", "a"].map((name) => document.createElement(name));
    Object.assign(box, { type: "checkbox", name: "cell", value: cell.name, checked });
    Object.assign(link, { href: this.about.root + cell.page, textContent: "page" });
    link.setAttribute("aria-label", `Page of ${cell.label}`);
    label.append(box, ` ${cell.label}`);
    line.append(label, " ", link);
    return line;
  }

  /** Another metric may know other splits. */
  offer() {
    const { metric, split } = this.form.elements;
    const splits = this.content.metrics[metric.value];
    offer(split, splits, this.about.cell ? "all" : evaluated(splits));
  }

  react(target) {
    if (target === this.form.elements.metric) this.offer();
    this.draw();
    this.remember();
  }

  tick(state) {
    for (const box of this.boxes()) box.checked = state;
    this.draw();
    this.remember();
  }

  boxes() {
    return [...this.form.querySelectorAll("fieldset input")];
  }

  chosen() {
    const boxes = this.boxes().filter(({ checked }) => checked);
    return this.content.cells.filter(({ name }) => boxes.some(({ value }) => value === name));
  }

  remember() {
    const { experiment, metric, split, log, seeds } = this.form.elements;
    const shared = { metric: metric.value, split: split.value, log: log.checked, seeds: seeds.checked };
    const cells = this.chosen();
    // Nothing in the address would be the first ones again
    const some = cells.length ? cells.map(({ name }) => name) : ["-"];
    const names = cells.length === this.content.cells.length ? ["*"] : some;
    address.set(this.about.cell ? shared : { ...shared, explore: experiment.value, cell: names });
  }

  draw() {
    const { experiment, metric, split, log, seeds } = this.form.elements;
    const cells = this.chosen();
    const splits = split.value === "all" ? this.content.metrics[metric.value] : [split.value];
    this.two.hidden = cells.length !== 2;
    if (cells.length === 2) {
      const [first, second] = cells.map(({ name }) => `${experiment.value}/${name}`);
      this.two.querySelector("a").href = `${this.about.root}compare.html?${new URLSearchParams({ first, second })}`;
    }
    const chosen = { metric: metric.value, splits, log: log.checked, everySeed: seeds.checked };
    this.note.textContent = drawCurves(this.chart, cells, chosen, this.colours);
    this.drawSettings(metric.value, split.value === "all" ? evaluated(splits) : split.value);
  }

  /** All runs of the experiment by their settings, where several settings vary. */
  drawSettings(metric, split) {
    const column = split ? `${split}_${metric}` : metric;
    const named = column.replaceAll("_", " ");
    const settings = this.about.cell ? [] : varied(this.content.cells);
    const place = this.parallel.place.closest("figure");
    place.hidden = settings.length < 2;
    if (!place.hidden) this.parallel.draw(() => parallel(this.content.cells, settings, column, named));
  }
}

for (const place of document.querySelectorAll(".explorer")) new Explorer(place);
