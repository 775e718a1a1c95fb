// Draws the figures of the page in its colours, again when the reader turns to dark or to light.
const dark = matchMedia("(prefers-color-scheme: dark)");
const other = JSON.parse(document.getElementById("dark").textContent);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"],
  ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] }; // none that leads elsewhere

function inColours(code) {
  const chosen = dark.matches ? code.replace(/#[0-9A-Fa-f]{6}/g, (one) => other[one] ?? one) : code;
  const found = JSON.parse(chosen), layout = found.layout;
  Object.assign(layout, { paper_bgcolor: color("--paper"), plot_bgcolor: color("--paper") });
  layout.font.color = color("--ink");
  layout.hoverlabel = { bgcolor: color("--soft"), font: { color: color("--ink") } };
  layout.modebar = { bgcolor: color("--paper"), color: color("--faint"), activecolor: color("--link") };
  for (const name of Object.keys(layout).filter((one) => /^[xy]axis/.test(one))) {
    Object.assign(layout[name], { gridcolor: color("--line"), linecolor: color("--faint") });
  }
  return found;
}

// Numbers as plotly writes them, float32 in base64, as the rows of a table.
function rows({ bdata, shape }) {
  const [n, width] = shape.split(",").map(Number);
  const all = new Float32Array(Uint8Array.from(atob(bdata), (byte) => byte.charCodeAt(0)).buffer);
  return Array.from({ length: n }, (_, k) => all.subarray(k * width, (k + 1) * width));
}

// Every point carries all of its parameters: show another pair of them.
function choosePair({ data, layout }, [across, up]) {
  for (const trace of data) {
    trace.customdata = rows(trace.customdata);
    Object.assign(trace, { x: trace.customdata.map((row) => row[across]),
      y: trace.customdata.map((row) => row[up]) });
  }
  const { names, ranges } = layout.meta;
  Object.assign(layout.xaxis, { title: { text: names[across] }, range: ranges[across] });
  Object.assign(layout.yaxis, { title: { text: names[up] }, range: ranges[up] });
}

function addChoice(place, text, names, chosen, change) {
  const label = document.createElement("label"), select = document.createElement("select");
  names.forEach((name, i) => select.add(new Option(name, i, i === chosen, i === chosen)));
  select.addEventListener("change", () => change(Number(select.value)));
  label.append(`${text} `, select);
  place.append(label);
}

for (const figure of document.querySelectorAll("figure")) {
  const code = figure.querySelector("script").textContent, plot = figure.querySelector(".picture");
  const meta = JSON.parse(code).layout.meta, pair = meta && [...meta.pair];
  const draw = () => {
    const found = inColours(code);
    if (pair) choosePair(found, pair);
    Plotly.react(plot, found.data, found.layout, config);
  };
  for (const [k, text] of pair ? ["across:", "up:"].entries() : []) {
    addChoice(figure.querySelector(".choose"), text, meta.names, pair[k], (i) => { pair[k] = i; draw(); });
  }
  draw();
  dark.addEventListener("change", draw);
}
