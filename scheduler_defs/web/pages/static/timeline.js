// The timeline: ten thousand bars on a canvas that is as high as the window shows, and the load above it.
import { body, times } from "./app.js";

const place = document.getElementById("timeline");
const course = JSON.parse(place.querySelector("script").textContent);
const load = place.querySelector("canvas.load"), scroll = place.querySelector(".lanes");
const canvas = scroll.querySelector("canvas"), space = scroll.querySelector(".space");
const tip = document.querySelector(".tip");
const loadOf = document.querySelector("[data-load]"), only = document.querySelector("[data-only]");
const LANE = 22, LOAD = 96, AXIS = 22;
const COLOURS = { SUCCESS: "--good", FAILURE: "--bad", CANCELED: "--dim", EXPECTED: "--coming" };
const STEPS = [60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400];
let begin = course.begin, end = course.end, shown = [], chosen = -1, at = -1, paints = {};

// Lanes, each with its bars by begin; `last` is the latest end so far: where a search may start.

const lanes = new Map();
for (const [lane, from, to, queued, state, schedule, run] of course.bars) {
  const name = course.names[lane];
  if (!lanes.has(name)) lanes.set(name, []);
  lanes.get(name).push({ name, begin: from, end: to, queued, state: course.names[state], schedule: course.names[schedule], run });
}
for (const bars of lanes.values()) {
  bars.sort((a, b) => a.begin - b.begin);
  let last = -Infinity;
  for (const bar of bars) bar.last = last = Math.max(last, bar.end);
}
const names = [...lanes.keys()].sort();

function first(bars, moment) {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].last < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

const wide = () => scroll.clientWidth;
const left = () => Math.min(190, wide() * 0.3);
const x = (seconds) => left() + ((seconds - begin) / (end - begin)) * (wide() - left());
const seconds = (pixels) => begin + ((pixels - left()) / (wide() - left())) * (end - begin);

function surface(on, height) {
  const scale = window.devicePixelRatio || 1;
  on.width = wide() * scale;
  on.height = height * scale;
  on.style.width = `${wide()}px`;
  on.style.height = `${height}px`;
  const pen = on.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  return pen;
}

function grid(pen, height, labels) {
  const step = STEPS.find((each) => (end - begin) / each <= (wide() - left()) / 90) || 30 * 86400;
  const shift = new Date(begin * 1000).getTimezoneOffset() * 60;
  for (let each = Math.ceil((begin - shift) / step) * step + shift; each < end; each += step) {
    pen.fillStyle = paints.line;
    pen.fillRect(Math.round(x(each)), labels ? AXIS - 4 : 0, 1, height);
    if (!labels || x(each) > wide() - 60) continue;
    const moment = new Date(each * 1000), midnight = moment.getHours() + moment.getMinutes() === 0;
    const label = step < 86400 && !midnight ? moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })
      : moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    pen.fillStyle = paints.text;
    pen.fillText(label, x(each) + 3, AXIS / 2);
  }
  pen.fillStyle = paints.now;
  if (x(course.now) >= left()) pen.fillRect(x(course.now), labels ? AXIS - 4 : 0, 2, height);
}

// The load: how many run and wait at once, of all runs or of those that one limit counts. Changes, swept once for each choice.

let swept = null;
function sweep() {
  const limit = loadOf.value;
  if (swept && swept.limit === limit) return swept;
  const changes = [];
  for (const bars of lanes.values()) {
    for (const bar of bars) {
      if (limit && !(course.of[bar.schedule] || []).includes(limit)) continue;
      changes.push([bar.begin, 1, 0], [bar.end, -1, 0]);
      if (bar.queued < bar.begin) changes.push([bar.queued, 0, 1], [bar.begin, 0, -1]);
    }
  }
  changes.sort((a, b) => a[0] - b[0]);
  let running = 0, waiting = 0;
  const steps = changes.map(([moment, more, wait]) => [moment, running += more, waiting += wait]);
  swept = { limit, steps, allowed: limit ? course.limits[limit] : null };
  return swept;
}

function drawLoad() {
  const pen = surface(load, LOAD), { steps, allowed } = sweep(), floor = LOAD - 4, columns = Math.ceil(wide() - left());
  grid(pen, LOAD, true);
  const most = new Float32Array(columns), waits = new Float32Array(columns);
  let running = 0, waiting = 0, highest = allowed || 1, next = 0;
  for (let column = 0; column < columns; column++) {
    const until = seconds(left() + column + 1);
    most[column] = running;
    waits[column] = waiting;
    for (; next < steps.length && steps[next][0] <= until; next++) {
      [, running, waiting] = steps[next];
      most[column] = Math.max(most[column], running);
      waits[column] = Math.max(waits[column], waiting);
    }
    highest = Math.max(highest, most[column] + waits[column]);
  }
  const scale = (floor - AXIS - 6) / highest;
  for (let column = 0; column < columns; column++) {
    pen.fillStyle = paints.going;
    pen.fillRect(left() + column, floor - most[column] * scale, 1, most[column] * scale);
    pen.fillStyle = paints.wait;
    pen.fillRect(left() + column, floor - (most[column] + waits[column]) * scale, 1, waits[column] * scale);
  }
  pen.fillStyle = paints.text;
  pen.fillText("Runs at once", 6, AXIS + 8);
  pen.fillText(`up to ${highest}`, 6, AXIS + 26);
  if (allowed) {
    pen.fillStyle = paints.bad;
    pen.fillRect(left(), floor - allowed * scale, wide() - left(), 1);
    pen.fillText(`${allowed} allowed`, 6, AXIS + 44);
  }
}

function drawLane(pen, bars, y) {
  let drawn = -1;
  for (let i = first(bars, begin); i < bars.length && bars[i].begin <= end; i++) {
    const bar = bars[i], from = Math.max(left(), x(bar.begin)), to = Math.max(from + 2, x(bar.end));
    if (bar.queued < bar.begin && from > left()) {
      pen.fillStyle = paints.wait;
      const since = Math.max(left(), x(bar.queued));
      pen.fillRect(since, y + 9, from - since, 4);
    }
    // What lies under a pixel that is drawn already is not drawn again, unless it failed.
    if (to <= drawn + 0.5 && bar.state !== "FAILURE") continue;
    pen.fillStyle = paints[COLOURS[bar.state] || "--going"];
    pen.fillRect(from, y + 4, to - from, LANE - 8);
    drawn = Math.max(drawn, to);
  }
}

function draw() {
  const started = performance.now(), style = getComputedStyle(body);
  for (const name of ["text", "line", "now", "going", "wait", "bad", "back", "soft"]) paints[name] = style.getPropertyValue(`--${name}`);
  for (const name of [...Object.values(COLOURS), "--going"]) paints[name] = style.getPropertyValue(name);
  drawLoad();
  const all = Math.max(1, shown.length) * LANE, height = Math.min(all, Math.max(220, Math.round(innerHeight * 0.6)));
  scroll.style.height = `${height}px`;
  space.style.height = `${all - height}px`;
  const pen = surface(canvas, height), top = scroll.scrollTop;
  grid(pen, height, false);
  for (let i = Math.floor(top / LANE); i < Math.min(shown.length, Math.ceil((top + height) / LANE)); i++) {
    const y = i * LANE - top;
    drawLane(pen, lanes.get(shown[i]), y);
    pen.fillStyle = i === chosen ? paints.soft : paints.back;
    pen.fillRect(0, y, left() - 1, LANE);
    pen.fillStyle = paints.text;
    let name = shown[i];
    while (name.length > 4 && pen.measureText(name).width > left() - 12) name = `${name.slice(0, -2)}…`;
    pen.fillText(name, 6, y + LANE / 2);
  }
  const bar = picked();
  if (bar) {
    pen.strokeStyle = paints.text;
    pen.strokeRect(x(bar.begin) - 1, chosen * LANE - top + 2, Math.max(4, x(bar.end) - x(bar.begin) + 2), LANE - 4);
  }
  if (!shown.length) { pen.fillStyle = paints.text; pen.fillText("no run in this time", 6, LANE / 2); }
  place.dataset.took = (performance.now() - started).toFixed(1);
}

let asked = false;
function again() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
}
function select() {
  const words = only.value.trim().toLowerCase();
  shown = names.filter((name) => name.toLowerCase().includes(words));
  chosen = at = -1;
  scroll.scrollTop = 0;
  again();
}
function zoom(factor, around) {
  const length = Math.min(90 * 86400, Math.max(60, (end - begin) * factor)), share = (around - begin) / (end - begin);
  begin = around - share * length;
  end = begin + length;
  again();
}
function move(by) { begin += by; end += by; again(); }

const picked = () => (chosen < 0 || at < 0 ? null : lanes.get(shown[chosen])[at]);
function tell(bar, lane) {
  if (!bar) { tip.textContent = lane ? `${lane}: ${lanes.get(lane).length} runs` : ""; return; }
  const waited = bar.begin - bar.queued;
  tip.textContent = `${bar.name}: ${bar.state.toLowerCase()}, ${times.format(new Date(bar.begin * 1000))}, ${(bar.end - bar.begin).toFixed(1)} s`
    + (waited > 1 ? `, waited ${waited.toFixed(0)} s` : "") + (bar.run ? "" : " (expected)");
}
function open(bar) {
  if (bar && bar.run) location.assign(`${body.dataset.here}/runs/${encodeURIComponent(bar.run)}`);
}
function found(event) {
  const box = canvas.getBoundingClientRect(), lane = shown[Math.floor((event.clientY - box.top + scroll.scrollTop) / LANE)];
  if (!lane) return null;
  const moment = seconds(event.clientX - box.left), slack = (3 * (end - begin)) / wide(), bars = lanes.get(lane);
  for (let i = first(bars, moment - slack); i < bars.length && bars[i].begin <= moment + slack; i++) if (bars[i].end >= moment - slack) return bars[i];
  return null;
}

let held = null;
for (const each of [load, canvas]) {
  each.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && !sideways) return; // the page scrolls
    event.preventDefault();
    if (sideways) move(((event.deltaX || event.deltaY) * (end - begin)) / wide());
    else zoom(event.deltaY > 0 ? 1.25 : 0.8, seconds(event.offsetX));
  }, { passive: false });
  each.addEventListener("pointerdown", (event) => { held = { x: event.clientX, moved: false }; each.setPointerCapture(event.pointerId); });
  each.addEventListener("pointermove", (event) => {
    if (!held) { if (each === canvas) tell(found(event)); return; }
    const by = event.clientX - held.x;
    if (Math.abs(by) > 2) held.moved = true;
    held.x = event.clientX;
    move((-by / (wide() - left())) * (end - begin));
  });
  each.addEventListener("pointerup", (event) => {
    if (held && !held.moved && each === canvas) open(found(event));
    held = null;
  });
}
function choose(lane) {
  chosen = Math.max(0, Math.min(shown.length - 1, lane));
  at = -1;
  scroll.scrollTop = Math.max(Math.min(scroll.scrollTop, chosen * LANE), (chosen + 1) * LANE - scroll.clientHeight);
  tell(null, shown[chosen]);
}
function step(by) {
  const bars = lanes.get(shown[chosen]);
  if (!bars) return;
  at = at < 0 ? Math.min(bars.length - 1, first(bars, begin)) : Math.max(0, Math.min(bars.length - 1, at + by));
  const bar = bars[at], length = end - begin;
  if (bar.begin < begin || bar.begin > end) { begin = bar.begin - length / 2; end = begin + length; }
  tell(bar);
}
const KEYS = {
  ArrowLeft: () => move(-(end - begin) / 10),
  ArrowRight: () => move((end - begin) / 10),
  ArrowUp: () => choose(chosen - 1),
  ArrowDown: () => choose(chosen + 1),
  "+": () => zoom(0.8, (begin + end) / 2),
  "=": () => zoom(0.8, (begin + end) / 2),
  "-": () => zoom(1.25, (begin + end) / 2),
  ",": () => step(-1),
  ".": () => step(1),
  Enter: () => open(picked()),
};
place.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key]();
  again();
});
scroll.addEventListener("scroll", again);
only.addEventListener("input", select);
loadOf.addEventListener("change", again);
window.addEventListener("resize", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
select();
