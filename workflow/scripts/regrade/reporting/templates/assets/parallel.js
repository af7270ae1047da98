// Parallel coordinates: a line per run through its settings to its last value, so that the spread of the seeds shows.
"use strict";

/** The settings that vary between cells, with their values; numbers in their order. */
function varied(cells) {
  const names = Object.keys(cells[0]?.varying ?? {});
  return names.map((name) => {
    const values = [...new Set(cells.map(({ varying }) => varying[name]))];
    if (values.every((value) => typeof value === "number")) values.sort((one, other) => one - other);
    return { name, values };
  }).filter(({ values }) => values.length > 1);
}

function parallel(cells, settings, column, metric) {
  const runs = cells.flatMap((cell) => (cell.values[column] ?? []).map((run, i) => (
    { cell, seed: cell.seeds[i], result: run.findLast((value) => value !== null) }
  ))).filter(({ result }) => result !== undefined);
  const results = runs.map(({ result }) => result);
  const [least, most] = [Math.min(...results), Math.max(...results)];
  const last = (value) => (most > least ? (value - least) / (most - least) : 0.5);
  const axes = [...settings.map(({ name }) => name), metric];
  const marks = [
    ...settings.flatMap(({ name, values }) => values.map((value, i) => ({ axis: name, at: i / (values.length - 1), text: `${value}` }))),
    ...[least, (least + most) / 2, most].map((value) => ({ axis: metric, at: last(value), text: value.toPrecision(3) })),
  ];
  const lines = runs.flatMap(({ cell, seed, result }) => {
    const about = { run: `${cell.name} ${seed}`, cell: cell.label, seed, result };
    const through = settings.map(({ name, values }) => ({ ...about, axis: name, at: values.indexOf(cell.varying[name]) / (values.length - 1) }));
    return [...through, { ...about, axis: metric, at: last(result) }];
  });
  const x = { field: "axis", type: "nominal", sort: axes, scale: { padding: 0.3 }, axis: { title: null, labelAngle: 0, grid: true, domain: false } };
  const y = { field: "at", type: "quantitative", axis: null, scale: { domain: [-0.05, 1.05], nice: false } };
  const style = getComputedStyle(document.documentElement);
  const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name).trim());
  return {
    description: `${metric} after the last evaluation by ${settings.map(({ name }) => name).join(", ")}, a line per run`,
    width: "container", height: 300,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      {
        data: { values: lines },
        mark: { type: "line", strokeWidth: 1.2, opacity: 0.6 },
        encoding: {
          x, y, detail: { field: "run" },
          color: { field: "result", type: "quantitative", title: metric, scale: { scheme: "viridis" }, legend: null },
          tooltip: [{ field: "cell" }, { field: "seed" }, { field: "result", title: metric, type: "quantitative", format: ".4~g" }],
        },
      },
      // With a rim, as lines pass behind
      ...[{ color: paper, stroke: paper, strokeWidth: 4 }, { color: ink }].map((look) => ({
        data: { values: marks },
        mark: { type: "text", align: "left", dx: 5, ...look },
        encoding: { x, y, text: { field: "text" } },
      })),
    ],
  };
}
