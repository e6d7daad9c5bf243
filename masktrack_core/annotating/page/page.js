// The page of `masktrack annotate`: paints on the frame, asks the server for everything else.
"use strict";

const token = new URLSearchParams(location.search).get("token") || "";
const tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
const $ = (id) => document.getElementById(id);
const picture = $("picture").getContext("2d"), masks = $("masks").getContext("2d");
const over = $("top").getContext("2d"), strip = $("strip").getContext("2d");

let state = null, t = 0, object = 1, tool = "b", radius = 12, tint = true;
let labels = null;          // ids of the shown frame, Uint8Array
let shown = "";             // what `labels` is of: frame and stamp
let labelled = -1;          // the frame of `labels`
let stroke = null;          // points of the stroke under way
let unsaved = [];           // strokes that the server has not taken yet, in order
let saving = false, busy = 0, exportKind = 0, playing = 0;
const frames = new Map(), kept = new Map();  // asked for, then decoded frames; label maps by frame and stamp
let width = 0, height = 0;

const KEYS = [
  ["b", "brush", () => setTool("b")], ["e", "eraser", () => setTool("e")],
  ["l", "lasso", () => setTool("l")], ["r", "box (rectangle)", () => setTool("r")],
  ["[", "smaller brush", () => setRadius(radius / 1.25)], ["]", "larger brush", () => setRadius(radius * 1.25)],
  ["1–9", "object, a new one after the last", null],
  ["n", "rename the object", () => document.querySelector(".object.on input[type=text]").select()],
  ["ArrowLeft", "frame before", () => go(t - 1)], ["ArrowRight", "frame after", () => go(t + 1)],
  ["PageUp", "ten before", () => go(t - 10)], ["PageDown", "ten after", () => go(t + 10)],
  ["Home", "first frame", () => go(0)], ["End", "last frame", () => go(state.frames - 1)],
  ["p", "play, pause", play],
  ["d", "next peak of doubt", nextPeak], ["a", "next drawn frame", nextDrawn],
  ["f", "follow", () => post("follow")], ["g", "learn and follow", () => post("learn")],
  ["Escape", "stop", () => post("stop")],
  ["z", "undo", undo], ["Delete", "take back what is drawn of the object here", () => post("clear", {t, object})],
  ["o", "object is not here", () => draw(new Uint8Array(width * height))],
  ["h", "hide, show masks", () => { tint = !tint; paint(); }],
  ["x", "export, the form chosen with v", () => post("export", {kind: state.exports[exportKind]})],
  ["v", "next form of export", nextForm],
  ["t", "draw in this tab", () => post("take")], ["q", "end", end],
];

function say(words, error = false) { $("said").textContent = words; $("said").className = error ? "error" : ""; }

function address(path, query = {}) { return `${path}?${new URLSearchParams({token, tab, ...query})}`; }

async function answered(response) {
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({error: response.statusText}));
  throw Object.assign(new Error(answer.error), {status: response.status});
}

async function post(path, query = {}, body = "") {
  busy += 1;
  try {
    const answer = await (await answered(await fetch(address(path, query), {method: "POST", body}))).json();
    take(answer.state);
    if (path !== "draw") say("");
    return answer;
  } catch (error) {
    say(error.status ? error.message : "the server does not answer; start the command again, nothing is lost", true);
    return {failed: error.status || -1};
  } finally { busy -= 1; }
}

async function poll() {
  try {
    if (!busy && !unsaved.length) take(await (await answered(await fetch(address("state")))).json());
  } catch (error) {
    say(error.status ? error.message : "the server does not answer; start the command again, nothing is lost", true);
  }
  setTimeout(poll, state && state.job && state.job.running ? 300 : 1500);
}

function take(news) {
  const first = state === null;
  state = news;
  if (first) {
    [width, height] = state.size;
    for (const id of ["picture", "masks", "top"]) { $(id).width = width; $(id).height = height; }
    fit();
  }
  $("clip").textContent = state.clip;
  if (!state.objects[object]) object = Number(Object.keys(state.objects)[0]);
  const job = state.job;
  $("bar").firstElementChild.style.width = job && job.total ? `${100 * job.done / job.total}%` : "0";
  if (!state.pen) say("another tab draws on this clip; press T to draw here instead", true);
  else if (job && job.error) say(`${job.kind}: ${job.error}`, true);
  else if (job && job.running) {
    const left = job.left_s === null ? "" : `, ${Math.ceil(job.left_s)} s left`;
    say(`${job.words || job.kind} ${job.total ? `${job.done} of ${job.total}` : ""}${left} (Esc stops)`);
  } else if (job && job.words.startsWith("written")) say(job.words);
  else if (state.problem) say(state.problem, true);
  else if (!$("said").className) say(state.missing ? `${state.missing} masks to be found: F follows` : "");
  showObjects();
  drawStrip();
  show();
}

function showObjects() {
  const box = $("objects");
  if (box.contains(document.activeElement)) return;
  box.replaceChildren(...Object.entries(state.objects).map(([id, one]) => {
    const row = document.createElement("div");
    row.className = Number(id) === object ? "object on" : "object";
    const colour = Object.assign(document.createElement("input"), {type: "color", value: one.colour});
    const name = Object.assign(document.createElement("input"), {type: "text", value: one.name});
    const number = Object.assign(document.createElement("kbd"), {textContent: id});
    colour.onchange = () => { colour.blur(); post("object", {object: id, name: one.name, colour: colour.value}); };
    name.onchange = () => { name.blur(); post("object", {object: id, name: name.value}); };
    name.onkeydown = (event) => { event.stopPropagation(); if (event.key === "Enter" || event.key === "Escape") name.blur(); };
    row.onclick = () => { object = Number(id); showObjects(); };
    row.append(colour, name, number);
    return row;
  }));
}

function setTool(key) {
  tool = key;
  for (const button of document.querySelectorAll("header button"))
    button.classList.toggle("on", button.dataset.key === tool);
}
function setRadius(value) { radius = Math.min(Math.max(value, 1), 200); say(`brush of ${Math.round(radius)} px`); }
function nextForm() { exportKind = (exportKind + 1) % state.exports.length; say(`x exports ${state.exports[exportKind]}`); }
async function undo() { const answer = await post("undo"); if (answer.answer !== null && !answer.failed) go(answer.answer); }
async function end() { const answer = await post("end"); if (!answer.failed) say("ended; this page may be closed"); }

function choose(number) {
  if (!state.objects[number]) {
    number = Math.max(...Object.keys(state.objects).map(Number)) + 1;
    post("object", {object: number, name: `object ${number}`});
  }
  object = number;
  showObjects();
}

// --- frames

function go(place) { t = Math.min(Math.max(place, 0), state.frames - 1); drawStrip(); return show(); }

function frame(place) {
  if (!frames.has(place)) {
    const asked = fetch(address("frame", {t: place, tab: ""})).then(answered).then((r) => r.blob()).then(createImageBitmap);
    frames.set(place, asked);
    asked.catch((error) => { frames.delete(place); if (place === t) say(error.message, true); });
    if (frames.size > 240) frames.delete(frames.keys().next().value);
  }
  return frames.get(place);
}

function labelMap(place) {
  const key = `${place} ${state.stamps[place]}`;
  if (!kept.has(key)) {
    const asked = fetch(address("labels", {t: place, stamp: state.stamps[place], tab: ""})).then(answered)
      .then((r) => r.blob()).then((blob) => createImageBitmap(blob, {colorSpaceConversion: "none"})).then(pixels);
    kept.set(key, asked);
    asked.catch(() => kept.delete(key));
    if (kept.size > 240) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
}

function pixels(bitmap) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data, ids = new Uint8Array(width * height);
  for (let n = 0; n < ids.length; n++) ids[n] = rgba[4 * n];
  return ids;
}

async function show() {
  const place = t, key = `${place} ${state.stamps[place]}`, waiting = unsaved.findLast((one) => one.t === place);
  const [image, ids] = await Promise.all([frame(place), waiting ? waiting.draft : labelMap(place)]).catch(() => []);
  if (!image || place !== t) return;
  picture.drawImage(image, 0, 0);
  if (!stroke && (waiting || key !== shown)) { labels = ids.slice(); shown = waiting ? "" : key; labelled = place; }
  paint();
  document.body.dataset.shown = place;
  $("place").textContent = `frame ${place} of ${state.frames - 1}`;
  for (let n = 1; n <= 6; n++) {
    if (place + n < state.frames) { frame(place + n); labelMap(place + n); }
  }
}

function colourOf(id) {
  const text = (state.objects[id] || {colour: "#ffffff"}).colour;
  return [1, 3, 5].map((n) => parseInt(text.slice(n, n + 2), 16));
}

function paint(x0 = 0, y0 = 0, x1 = width, y1 = height) {
  x0 = Math.max(Math.floor(x0), 0); y0 = Math.max(Math.floor(y0), 0);
  x1 = Math.min(Math.ceil(x1), width); y1 = Math.min(Math.ceil(y1), height);
  if (x1 <= x0 || y1 <= y0 || !labels) return;
  const image = masks.createImageData(x1 - x0, y1 - y0), rgba = new Uint32Array(image.data.buffer), table = new Uint32Array(256);
  for (const id of Object.keys(state.objects)) {
    const [r, g, b] = colourOf(id);
    table[id] = (115 << 24 | b << 16 | g << 8 | r) >>> 0;
  }
  if (tint) {
    for (let y = y0, n = 0; y < y1; y++) for (let x = x0; x < x1; x++, n++) {
      const id = labels[y * width + x];
      if (!id) continue;
      const edge = (x + 1 < width && labels[y * width + x + 1] !== id) || (y + 1 < height && labels[(y + 1) * width + x] !== id)
        || (x && labels[y * width + x - 1] !== id) || (y && labels[(y - 1) * width + x] !== id);
      rgba[n] = edge ? (table[id] | 255 << 24) >>> 0 : table[id];
    }
  }
  masks.putImageData(image, x0, y0);
}

function play() {
  if (playing) { clearInterval(playing); playing = 0; return; }
  playing = setInterval(() => { if (t + 1 < state.frames) go(t + 1); else play(); }, 1000 / Math.min(state.rate, 30));
}

// --- drawing

function point(event) {
  const box = $("top").getBoundingClientRect();
  return [(event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height];
}

function stamp([ax, ay], [bx, by], value) {
  const steps = Math.ceil(Math.hypot(bx - ax, by - ay) / Math.max(radius / 3, 1)) || 1;
  for (let n = 0; n <= steps; n++) {
    const cx = ax + (bx - ax) * n / steps, cy = ay + (by - ay) * n / steps;
    for (let y = Math.max(Math.ceil(cy - radius), 0); y <= Math.min(cy + radius, height - 1); y++) {
      const half = Math.sqrt(Math.max(radius * radius - (y - cy) ** 2, 0));
      for (let x = Math.max(Math.ceil(cx - half), 0); x <= Math.min(cx + half, width - 1); x++) {
        const n = y * width + x;
        if (value || labels[n] === object) labels[n] = value;
      }
    }
  }
  paint(Math.min(ax, bx) - radius - 2, Math.min(ay, by) - radius - 2, Math.max(ax, bx) + radius + 3, Math.max(ay, by) + radius + 3);
}

function down(event) {
  if (event.button || !state || labelled !== t || !state.pen) return;
  if (playing) play();
  $("top").setPointerCapture(event.pointerId);
  stroke = [point(event)];
  if (tool === "b" || tool === "e") stamp(stroke[0], stroke[0], tool === "b" ? object : 0);
}

function move(event) {
  if (!stroke) return ring(event);
  const now = point(event);
  if (tool === "b" || tool === "e") stamp(stroke[stroke.length - 1], now, tool === "b" ? object : 0);
  stroke.push(now);
  over.clearRect(0, 0, width, height);
  over.strokeStyle = "#ffffff"; over.lineWidth = Math.max(width / 600, 1.5);
  if (tool === "r") over.strokeRect(stroke[0][0], stroke[0][1], now[0] - stroke[0][0], now[1] - stroke[0][1]);
  if (tool === "l") { over.beginPath(); for (const [x, y] of stroke) over.lineTo(x, y); over.closePath(); over.stroke(); }
}

function ring(event) {
  over.clearRect(0, 0, width, height);
  if (tool !== "b" && tool !== "e") return;
  over.strokeStyle = "#ffffff"; over.lineWidth = Math.max(width / 800, 1);
  over.beginPath(); over.arc(...point(event), radius, 0, 7); over.stroke();
}

function up(event) {
  if (!stroke) return;
  const points = stroke;
  stroke = null;
  over.clearRect(0, 0, width, height);
  if (tool === "r") {
    const [a, b] = [points[0], points[points.length - 1]];
    const [x0, x1] = [a[0], b[0]].map((x) => Math.min(Math.max(Math.round(x), 0), width)).sort((p, q) => p - q);
    const [y0, y1] = [a[1], b[1]].map((y) => Math.min(Math.max(Math.round(y), 0), height)).sort((p, q) => p - q);
    if (x1 > x0 && y1 > y0) post("box", {t, object, x: x0, y: y0, width: x1 - x0, height: y1 - y0});
    return;
  }
  if (tool === "l") fillLasso(points);
  const mine = new Uint8Array(labels.length);
  for (let n = 0; n < mine.length; n++) mine[n] = labels[n] === object ? 1 : 0;
  draw(mine);
}

function fillLasso(points) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", {willReadFrequently: true});
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.closePath(); context.fill();
  const rgba = context.getImageData(0, 0, width, height).data;
  for (let n = 0; n < labels.length; n++) if (rgba[4 * n + 3] > 127) labels[n] = object;
  paint();
}

function runs(mask) {
  const lengths = [];
  let value = 0, count = 0;
  for (const one of mask) {
    if (one === value) count++;
    else { lengths.push(count); value = one; count = 1; }
  }
  lengths.push(count);
  return lengths.join(",");
}

function draw(mask) {
  const draft = labels.map((id, n) => mask[n] ? object : id === object ? 0 : id);
  unsaved.push({t, object, body: runs(mask), draft});
  save();
}

// A stroke stays here until the server has it on disk: a full disk, or a server that is away, loses nothing.
async function save() {
  if (saving) return;
  saving = true;
  while (unsaved.length) {
    const {t: place, object: label, body} = unsaved[0];
    const answer = await post("draw", {t: place, object: label}, body);
    if (!answer.failed) { unsaved.shift(); if (!unsaved.length) { shown = ""; say(""); take(answer.state); } continue; }
    if ([400, 403, 409, 422].includes(answer.failed)) { unsaved.shift(); shown = ""; continue; }
    say(`${$("said").textContent}; ${unsaved.length} stroke${unsaved.length > 1 ? "s" : ""} kept in this page, tried again`, true);
    await new Promise((done) => setTimeout(done, 1500));
  }
  saving = false;
}

// --- the strip of time

function drawStrip() {
  const canvas = $("strip"), wide = canvas.clientWidth, high = canvas.clientHeight;
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  strip.fillStyle = "#111"; strip.fillRect(0, 0, wide, high);
  const ids = Object.keys(state.objects), row = (high - 8) / Math.max(ids.length, 1), step = wide / state.frames;
  ids.forEach((id, n) => {
    const doubt = state.doubt[id] || [], foot = 4 + (n + 1) * row - 1, [r, g, b] = colourOf(id);
    for (let place = 0; place < state.frames; place++) {
      const value = doubt[place], x = place * step;
      if (value === undefined || value === null) { strip.fillStyle = "#333"; strip.fillRect(x, foot - 2, Math.max(step - 0.5, 0.5), 2); continue; }
      const tall = 2 + value * (row - 5);
      strip.fillStyle = value > 0.5 ? "#ff4d4d" : value > 0.3 ? "#e69f00" : `rgb(${r},${g},${b})`;
      strip.fillRect(x, foot - tall, Math.max(step - 0.5, 0.5), tall);
    }
    for (const [place, labels] of Object.entries(state.drawn)) if (labels.includes(Number(id))) {
      strip.fillStyle = "#ffffff";
      strip.beginPath(); strip.moveTo((+place + 0.5) * step, foot - row + 9); strip.lineTo((+place + 0.5) * step - 4, foot - row + 2);
      strip.lineTo((+place + 0.5) * step + 4, foot - row + 2); strip.fill();
    }
  });
  strip.fillStyle = "#999"; strip.font = "11px system-ui, sans-serif"; strip.fillText("doubt", wide - 40, 12);
  strip.fillStyle = "#ffffff"; strip.fillRect((t + 0.5) * step - 1, 0, 2, high);
}

function peaks() {
  const worst = Array.from({length: state.frames}, (_, place) => Math.max(0, ...Object.values(state.doubt).map((d) => d[place] || 0)));
  return worst.map((value, place) => [value, place]).filter(([value, place]) =>
    value > 0.1 && value >= (worst[place - 1] || 0) && value > (worst[place + 1] || 0)).map(([, place]) => place);
}
function nextOf(places, words) {
  if (!places.length) return say(words);
  const next = places.find((place) => place > t);
  go(next === undefined ? places[0] : next);
}
function nextPeak() { nextOf(peaks(), "no doubt anywhere, as far as masks were found"); }
function nextDrawn() { nextOf(Object.keys(state.drawn).map(Number), "nothing is drawn yet"); }

// --- wiring

function fit() {
  const stage = $("stage"), scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  for (const id of ["picture", "masks", "top"]) {
    $(id).style.width = `${width * scale}px`; $(id).style.height = `${height * scale}px`;
  }
  if (state) drawStrip();
}

function key(event) {
  if (!state || event.ctrlKey && event.key !== "z" || event.metaKey || event.altKey || event.target.type === "text") return;
  if (/^[1-9]$/.test(event.key)) return choose(Number(event.key));
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = KEYS.find(([known, , work]) => work && known === name);
  if (!found) return;
  event.preventDefault();
  found[2]();
}

const WORDS = {ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", Delete: "Del", PageUp: "PgUp", PageDown: "PgDn"};
const named = (name) => WORDS[name] || (name.length === 1 ? name.toUpperCase() : name);
for (const [name, words] of KEYS) {
  $("keys").append(Object.assign(document.createElement("dt"), {innerHTML: `<kbd>${named(name)}</kbd>`}),
    Object.assign(document.createElement("dd"), {textContent: words}));
}
for (const button of document.querySelectorAll("header button")) {
  button.innerHTML += `<kbd>${named(button.dataset.key)}</kbd>`;
  button.onclick = () => { button.blur(); KEYS.find(([name]) => name === button.dataset.key)[2](); };
}
$("top").onpointerdown = down; $("top").onpointermove = move; $("top").onpointerup = up; $("top").onpointercancel = up;
$("strip").onpointerdown = (event) => { $("strip").setPointerCapture(event.pointerId); seek(event); };
$("strip").onpointermove = (event) => { if (event.buttons) seek(event); };
function seek(event) { if (state) go(Math.floor(event.offsetX / $("strip").clientWidth * state.frames)); }
addEventListener("keydown", key);
addEventListener("resize", fit);
addEventListener("beforeunload", (event) => { if (unsaved.length) event.preventDefault(); });
setTool("b");
poll();
