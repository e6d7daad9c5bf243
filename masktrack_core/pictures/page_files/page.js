// Tables that sort, and the player of each sequence. Without this file the page still has its tables,
// figures and links. Nothing is fetched: the numbers stand in the page, pictures are shown by <img>, so
// it works from a disk. Pictures are made when they are looked at.
"use strict";

const results = JSON.parse(document.getElementById("results").textContent);
const LEFT = { colour: "#0072b2", dashes: "" };
const RIGHT = { colour: "#d55e00", dashes: "6 3" };

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function draw(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// --- tables

// The last row: above it may be one of groups.
const headsOf = table => [...[...table.tHead.rows].at(-1).cells];

function sortBy(table, column) {
  const heads = headsOf(table);
  const down = heads[column].getAttribute("aria-sort") === "ascending";
  const value = row => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const rows = [...table.tBodies[0].rows].filter(row => !row.classList.contains("below"));
  const groups = rows.map(row => [row, row.nextElementSibling]);
  groups.sort(([a], [b]) => {
    const x = value(a), y = value(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
  for (const [row, next] of groups) {
    table.tBodies[0].append(row);
    if (next && next.classList.contains("below")) row.after(next);
  }
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
}

for (const table of document.querySelectorAll("table.sorts")) {
  headsOf(table).forEach((head, column) =>
    head.querySelector("button").addEventListener("click", () => sortBy(table, column)));
}

// --- pictures: a frame, and a layer of masks over it

const methodsOf = sequence => results.methods.filter(method => method.key in sequence.scores);

function scoreOf(sequence, key, t) {
  const text = sequence.scores[key] && sequence.scores[key].J[t];
  return text ? `J\u00a0${text}` : "not scored";
}

// `key`: "frame" for the bare frame, "truth", or a method.
function titleOf(sequence, key, t) {
  if (key === "frame") return "frame";
  if (key === "truth") return "truth";
  return `${results.methods.find(method => method.key === key).name}: ${scoreOf(sequence, key, t)}`;
}

// A picture with its title: `show(key, t)` puts another one into it. The old one stays until the new one is there.
function view(sequence, loading = "eager") {
  const [frame, layer] = [0, 1].map(() => make("img", { alt: "", loading }));
  const stack = make("span", { className: "stack" }, frame, layer), title = make("span");
  const button = make("button", { className: "view" }, stack, title);
  stack.style.aspectRatio = sequence.size.join(" / ");
  layer.addEventListener("error", () => { layer.style.visibility = "hidden"; }); // no mask of this frame
  layer.addEventListener("load", () => { layer.style.visibility = "visible"; });
  button.show = (key, t, text = titleOf(sequence, key, t)) => {
    frame.src = `${sequence.folder}/frame/${t}.webp`;
    layer.hidden = key === "frame";
    if (!layer.hidden) layer.src = `${sequence.folder}/${key}/${t}.webp`;
    title.textContent = text;
    button.onclick = () => enlarge(sequence, key, t);
    return button;
  };
  return button;
}

// --- one picture large, the other methods beside

const large = document.getElementById("large");
let enlarged = null;

function enlarge(sequence, key, t) {
  enlarged = { sequence, key, t };
  const keys = ["frame", "truth", ...methodsOf(sequence).map(method => method.key)];
  const others = keys.filter(other => other !== key);
  large.querySelector("strong").textContent = `${sequence.title}, frame ${sequence.names[t]}`;
  large.style.setProperty("--aspect", sequence.size[0] / sequence.size[1]);
  large.querySelector(".one").replaceChildren(view(sequence).show(key, t));
  large.querySelector(".beside").replaceChildren(...others.map(other => view(sequence).show(other, t)));
  if (!large.open) large.showModal();
}

function step(by) {
  const { sequence, key, t } = enlarged;
  const next = sequence.times[sequence.times.indexOf(t) + by];
  if (next !== undefined) enlarge(sequence, key, next);
}

large.querySelector(".back").addEventListener("click", () => step(-1));
large.querySelector(".on").addEventListener("click", () => step(1));
large.querySelector(".close").addEventListener("click", () => large.close());
large.addEventListener("click", event => { if (event.target === large) large.close(); });
large.addEventListener("keydown", event => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by) step(by);
});

// --- J over time

const HEIGHT = 170, MARGIN = { left: 34, right: 8, top: 8, bottom: 22 };

function curves(svg, sequence, left, right, t) {
  const width = svg.clientWidth || 600, last = Math.max(sequence.names.length - 1, 1);
  const x = frame => MARGIN.left + (width - MARGIN.left - MARGIN.right) * frame / last;
  const y = value => HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * value / 100;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.replaceChildren();
  for (const value of [0, 25, 50, 75, 100]) {
    svg.append(draw("path", { d: `M${x(0)} ${y(value)}H${x(last)}`, stroke: value ? "#e4e4e4" : "#999" }));
    svg.append(draw("text", { x: x(0) - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  const every = [10, 20, 50, 100, 200, 500, 1000].find(gap => x(gap) - x(0) > 45) || 2000;
  for (let frame = 0; frame <= last; frame += every) {
    svg.append(draw("text", { x: x(frame), y: HEIGHT - 6, "text-anchor": "middle" }, String(frame)));
  }
  const line = (key, stroke) => {
    let d = "", on = false;
    sequence.scores[key].J.forEach((text, frame) => {
      if (text) d += `${on ? "L" : "M"}${x(frame).toFixed(1)} ${y(Number(text)).toFixed(1)}`;
      on = Boolean(text);
    });
    svg.append(draw("path", { d, fill: "none", "stroke-linejoin": "round", ...stroke }));
  };
  const chosen = [left, right].map(method => method.key);
  for (const { key } of methodsOf(sequence)) {
    if (!chosen.includes(key)) line(key, { stroke: "#bbb", "stroke-width": 1 });
  }
  line(right.key, { stroke: RIGHT.colour, "stroke-width": 2, "stroke-dasharray": RIGHT.dashes });
  line(left.key, { stroke: LEFT.colour, "stroke-width": 2 });
  svg.append(draw("path", { d: `M${x(t)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`, stroke: "#333" }));
  return px => Math.round((px - MARGIN.left) / (width - MARGIN.left - MARGIN.right) * last);
}

function legend(method, sample) {
  const line = draw("svg", { width: 30, height: 10 }, draw("path", {
    d: "M0 5H30", stroke: sample.colour, "stroke-width": 2, "stroke-dasharray": sample.dashes }));
  return make("span", {}, line, ` ${method.name}`);
}

// --- the player of a sequence

function player(sequence) {
  const root = document.getElementById("player").content.firstElementChild.cloneNode(true);
  const find = name => root.querySelector(name);
  const methods = methodsOf(sequence), choices = [find(".left"), find(".right")];
  const slider = find("input"), svg = find(".curves");
  choices.forEach((choice, place) => {
    choice.append(...methods.map(method => make("option", { value: method.key, textContent: method.name })));
    choice.selectedIndex = Math.min(place, methods.length - 1);
  });
  slider.max = sequence.times.length - 1;
  find(".links").append(...Object.entries(sequence.links).map(([name, href]) =>
    make("a", { href, textContent: name })));
  const chosen = () => choices.map(choice => methods[choice.selectedIndex]);
  const views = [0, 1, 2, 3].map(() => view(sequence));
  find(".views").append(...views);
  let frameAt = () => 0;

  function show() {
    const t = sequence.times[slider.value];
    ["frame", "truth", ...chosen().map(method => method.key)].forEach((key, place) => views[place].show(key, t));
    find("output").textContent = `frame ${sequence.names[t]} (${t + 1} of ${sequence.names.length})`;
    trace();
  }

  function trace() {
    frameAt = curves(svg, sequence, ...chosen(), sequence.times[slider.value]);
  }

  function choose() {
    const [left, right] = chosen(), worst = sequence.scores[left.key].worst;
    const others = methods.length > 2 ? "; grey: the other methods" : "";
    const mean = sequence.objects > 1 ? `, the mean over ${sequence.objects} objects` : "";
    find(".legend").replaceChildren(legend(left, LEFT), legend(right, RIGHT),
      make("span", { className: "says" }, `J of each frame in percent${mean}${others}.`));
    find(".what").textContent = `The frames in which ${left.name} is worst, apart from each other in time; a click ` +
      "enlarges one and shows all methods.";
    find(".strip").replaceChildren(...worst.map(t =>
      view(sequence, "lazy").show(left.key, t, `frame ${sequence.names[t]}, ${scoreOf(sequence, left.key, t)}`)));
    show();
  }

  function point(event) {
    const t = frameAt(event.clientX - svg.getBoundingClientRect().left);
    const nearest = sequence.times.reduce((a, b) => Math.abs(b - t) < Math.abs(a - t) ? b : a);
    slider.value = sequence.times.indexOf(nearest);
    show();
  }

  for (const choice of choices) choice.addEventListener("change", choose);
  slider.addEventListener("input", show);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointermove", event => { if (event.buttons) point(event); });
  new ResizeObserver(trace).observe(svg);
  choose();
  return root;
}

// --- rows that open their player

const list = document.querySelector("#list table");
[...(list ? list.tBodies[0].rows : [])].forEach((row, place) => {
  row.classList.add("opens");
  row.tabIndex = 0;
  row.setAttribute("aria-expanded", "false");
  let below = null;
  const turn = () => {
    const opens = row.getAttribute("aria-expanded") === "false";
    row.setAttribute("aria-expanded", String(opens));
    if (opens && !below) {
      const cell = make("td", { colSpan: row.cells.length }, player(results.sequences[place]));
      below = make("tr", { className: "below" }, cell);
      row.after(below);
    }
    below.hidden = !opens;
  };
  row.addEventListener("click", turn);
  row.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); turn(); }
  });
});
