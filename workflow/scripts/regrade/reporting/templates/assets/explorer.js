// Curves of chosen cells, drawn by Vega-Lite from the scripts in histories/ (see regrade/reporting/histories.py).
"use strict";

const histories = new Map();

/** What each script in histories/ calls. */
function regradeHistories(experiment, content) {
  histories.set(experiment, content);
}

/** The histories of an experiment. A page opened from a disk may not fetch data, but may load scripts. */
function load(root, experiment) {
  if (histories.has(experiment)) return Promise.resolve(histories.get(experiment));
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}histories/${experiment}.js`;
    script.onload = () => resolve(histories.get(experiment));
    script.onerror = () => reject(new Error(`${script.src} cannot be loaded`));
    document.head.append(script);
  });
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  const style = getComputedStyle(document.documentElement);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
  return {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft, titleFontWeight: 500 },
    legend: { labelColor: ink, titleColor: ink, labelLimit: 320, symbolOpacity: 1, symbolType: "stroke" },
  };
}

/** One row per evaluation and line: a cell's mean over the seeds with its span, or one seed's value. */
function rows(cell, column, split, everySeed) {
  const runs = cell.values[column];
  if (!runs) return [];
  return cell.epochs.flatMap((epoch, i) => {
    const known = runs.map((run, k) => ({ seed: cell.seeds[k], value: run[i] })).filter(({ value }) => value !== null);
    const about = { cell: cell.label, split, epoch };
    if (everySeed) return known.map(({ seed, value }) => ({ ...about, seed, mean: value, min: value, max: value, runs: 1 }));
    if (!known.length) return [];
    const values = known.map(({ value }) => value);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [{ ...about, seed: "", mean, min: Math.min(...values), max: Math.max(...values), runs: values.length }];
  });
}

/** The figures' colours: of splits, or of cells unless there are more of them than colours. */
function scale(cells, splits, colours) {
  if (cells) return cells > colours.cells.length ? { scheme: "tableau20" } : { range: colours.cells };
  return { domain: splits, range: splits.map((split) => colours.splits[split] ?? colours.cells[0]) };
}

function specification(values, { metric, several, splits, log, everySeed, width, colours }) {
  const number = { type: "quantitative", format: ".4~g" };
  const colour = {
    field: several ? "cell" : "split", type: "nominal", title: null, sort: null,
    scale: scale(several ? new Set(values.map(({ cell }) => cell)).size : 0, splits, colours),
    legend: several || splits.length > 1 ? { orient: "bottom", columns: width < 500 ? 1 : 2 } : null,
  };
  const dash = several && splits.length > 1
    ? { strokeDash: { field: "split", type: "nominal", title: null, sort: splits, legend: { orient: "bottom" } } } : {};
  const y = { type: "quantitative", title: metric, scale: { type: log ? "log" : "linear", zero: false, nice: !log } };
  const x = { field: "epoch", type: "quantitative", title: "epoch", scale: { nice: false, zero: false } };
  const epochs = [...new Set(values.map(({ epoch }) => epoch))];
  if (epochs.length <= 20 && epochs.every(Number.isInteger)) x.axis = { values: epochs, format: "d" };
  const shared = { x, color: colour };
  const detail = { detail: [{ field: "split" }, { field: "seed" }] };
  const tooltip = [
    { field: "cell", type: "nominal" },
    ...(splits[0] ? [{ field: "split", type: "nominal" }] : []),
    { field: "epoch", ...number },
    ...(everySeed
      ? [{ field: "seed", type: "nominal" }, { field: "mean", title: metric, ...number }]
      : ["mean", "min", "max"].map((field) => ({ field, ...number })).concat([{ field: "runs", title: "seeds", type: "quantitative" }])),
  ];
  return {
    data: { values },
    width: "container", height: 320,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      { mark: { type: "area", opacity: 0.18 }, encoding: { ...shared, ...detail, y: { field: "min", ...y }, y2: { field: "max" } } },
      { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...shared, ...detail, ...dash, y: { field: "mean", ...y } } },
      {
        params: [{ name: "hover", select: { type: "point", on: "pointermove", nearest: true, clear: "pointerout" } }],
        mark: { type: "point", filled: true, size: 60 },
        encoding: {
          ...shared, y: { field: "mean", ...y }, tooltip,
          opacity: { condition: { param: "hover", empty: false, value: 1 }, value: 0 },
        },
      },
    ],
  };
}

class Explorer {
  constructor(place) {
    this.place = place;
    this.form = place.querySelector("form");
    this.note = place.querySelector("[role=status]");
    this.about = JSON.parse(place.querySelector("script").textContent);
    this.colours = JSON.parse(place.dataset.colours);
    const { experiment, all, none } = this.form.elements;
    fill(experiment, this.about.experiments.map(({ name, title }) => [name, `${name}: ${title}`]));
    // On a cell's own page there is nothing to choose, and the single runs are what one looks for
    if (this.about.cell) {
      for (const part of [experiment.closest("label"), this.form.querySelector("fieldset")]) part.hidden = true;
      this.form.elements.seeds.checked = true;
    }
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", ({ target }) => (target === experiment ? this.open() : this.choose(target)));
    all.addEventListener("click", () => this.tick(true));
    none.addEventListener("click", () => this.tick(false));
    dark.addEventListener("change", () => this.draw());
    this.open();
  }

  /** Show the chosen experiment. */
  async open() {
    const { experiment, metric } = this.form.elements;
    try {
      this.content = await load(this.about.root, experiment.value);
    } catch (error) {
      this.note.textContent = error.message;
      return;
    }
    const list = this.form.querySelector("fieldset div");
    list.replaceChildren(...this.content.cells.map((cell, i) => this.entry(cell, i)));
    const before = metric.value;
    const metrics = Object.keys(this.content.metrics);
    fill(metric, metrics.map((name) => [name, name.replaceAll("_", " ")]));
    const wanted = [before, "accuracy"].find((name) => metrics.includes(name));
    if (wanted) metric.value = wanted;
    this.choose(metric);
  }

  entry(cell, i) {
    const [line, label, box, link] = ["div", "label", "input", "a"].map((name) => document.createElement(name));
    Object.assign(box, { type: "checkbox", value: cell.name, checked: this.about.cell ? cell.name === this.about.cell : i < 4 });
    Object.assign(link, { href: this.about.root + cell.page, textContent: "page" });
    label.append(box, ` ${cell.label}`);
    line.append(label, " ", link);
    return line;
  }

  /** React to a control: another metric may know other splits. */
  choose(target) {
    const { metric, split } = this.form.elements;
    if (target === metric) {
      const splits = this.content.metrics[metric.value];
      const before = split.value;
      fill(split, [...(splits.length > 1 ? [["all", "all"]] : []), ...splits.map((name) => [name, name || "none"])]);
      if ([...split.options].some(({ value }) => value === before)) split.value = before;
      else if (splits.length > 1) split.value = this.about.cell ? "all" : splits.find((name) => name !== "train");
    }
    this.draw();
  }

  tick(state) {
    for (const box of this.form.querySelectorAll("fieldset input")) box.checked = state;
    this.draw();
  }

  /** Draw anew, after what is being drawn. */
  draw() {
    const chart = this.place.querySelector(".chart");
    chart.setAttribute("aria-busy", "true");
    const turn = Promise.resolve(this.turn).then(() => this.embed(chart)).finally(() => {
      if (this.turn === turn) chart.setAttribute("aria-busy", "false");
    });
    this.turn = turn;
  }

  async embed(chart) {
    const { metric, split, log, seeds } = this.form.elements;
    const ticked = new Set([...this.form.querySelectorAll("fieldset input:checked")].map(({ value }) => value));
    const cells = this.content.cells.filter(({ name }) => ticked.has(name));
    const splits = split.value === "all" ? this.content.metrics[metric.value] : [split.value];
    const every = cells.flatMap((cell) =>
      splits.flatMap((name) => rows(cell, name ? `${name}_${metric.value}` : metric.value, name, seeds.checked)));
    const values = log.checked ? every.filter(({ min }) => min > 0) : every;
    const options = {
      metric: metric.value.replaceAll("_", " "), several: cells.length > 1, splits, log: log.checked,
      everySeed: seeds.checked, width: chart.clientWidth, colours: this.colours,
    };
    chart.setAttribute("aria-label", `${options.metric} by epoch of ${cells.length} cells`);
    this.drawn?.finalize();
    this.drawn = await vegaEmbed(chart, specification(values, options), {
      actions: false, renderer: "svg", config: theme(), tooltip: { theme: dark.matches ? "dark" : "light" },
    });
    this.note.textContent = this.remarks(cells, every.length - values.length, seeds.checked);
  }

  /** What a reader must know of the drawing. */
  remarks(cells, left, everySeed) {
    if (!cells.length) return "No cell is chosen.";
    const said = [everySeed ? "One line per seed." : "Lines are means over the seeds, bands go from the smallest to the largest."];
    const thinned = cells.find((cell) => cell.epochs.length < cell.of);
    if (thinned) said.push(`Histories are thinned evenly, to ${thinned.epochs.length} of up to ${Math.max(...cells.map(({ of }) => of))} evaluations; curves.parquet has all.`);
    if (left) said.push(`${left} points that are not positive have no place on a log scale.`);
    return said.join(" ");
  }
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

for (const place of document.querySelectorAll(".explorer")) new Explorer(place);
