// Curves of cells, drawn by Vega-Lite from the scripts in histories/ (see regrade/reporting/pages/histories.py).
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

function specification(values, { metric, several, splits, log, everySeed, width, colours, description }) {
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
    description,
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
          // A single evaluation makes no line
          opacity: { condition: { param: "hover", empty: false, value: 1 }, value: epochs.length > 1 ? 0 : 1 },
        },
      },
    ],
  };
}

/** A place for a chart of Vega-Lite. */
class Chart {
  constructor(place) {
    this.place = place;
    dark.addEventListener("change", () => this.make && this.draw(this.make));
  }

  /** Draw what `make` specifies for a width, after what is being drawn. */
  draw(make) {
    this.make = make;
    this.place.setAttribute("aria-busy", "true");
    const turn = Promise.resolve(this.turn).then(() => this.embed(make(this.place.clientWidth))).finally(() => {
      if (this.turn === turn) this.place.setAttribute("aria-busy", "false");
    });
    this.turn = turn;
  }

  async embed(specified) {
    this.drawn?.finalize();
    this.drawn = await vegaEmbed(this.place, specified, {
      actions: false, renderer: "svg", config: theme(), tooltip: { theme: dark.matches ? "dark" : "light" },
    });
  }
}

/** Draw the curves of cells; `chosen`: metric, splits, log, everySeed. Returns what a reader must know of them. */
function drawCurves(chart, cells, { metric, splits, log, everySeed }, colours) {
  const every = cells.flatMap((cell) =>
    splits.flatMap((name) => rows(cell, name ? `${name}_${metric}` : metric, name, everySeed)));
  const values = log ? every.filter(({ min }) => min > 0) : every;
  const named = metric.replaceAll("_", " ");
  const description = `${named} by epoch of ${cells.map(({ label }) => label).join("; ") || "no cells"}`;
  const options = { metric: named, several: cells.length > 1, splits, log, everySeed, colours, description };
  chart.draw((width) => specification(values, { ...options, width }));
  return remarks(cells, every.length - values.length, everySeed);
}

/** What a reader must know of the drawing. */
function remarks(cells, left, everySeed) {
  if (!cells.length) return "No cell is chosen.";
  const said = [everySeed ? "One line per seed." : "Lines are means over the seeds, bands go from the smallest to the largest."];
  const thinned = cells.find((cell) => cell.epochs.length < cell.of);
  if (thinned) said.push(`Histories are thinned evenly, to ${thinned.epochs.length} of up to ${Math.max(...cells.map(({ of }) => of))} evaluations; curves.parquet has all.`);
  if (left) said.push(`${left} points that are not positive have no place on a log scale.`);
  return said.join(" ");
}

/** The split to begin with: that of the evaluated rows. */
const evaluated = (splits) => splits.find((name) => name !== "train");

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

/** Choose a value if the select has it; whether it has. */
function choose(select, value) {
  const known = [...select.options].some((option) => option.value === value);
  if (known) select.value = value;
  return known;
}

/** Offer the splits that a metric has; keep the choice if there is one, else take `otherwise`. */
function offer(select, splits, otherwise) {
  const before = select.value;
  fill(select, [...(splits.length > 1 ? [["all", "all"]] : []), ...splits.map((name) => [name, name || "none"])]);
  if (!choose(select, before) && splits.length > 1) select.value = otherwise;
}
