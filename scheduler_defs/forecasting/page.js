"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const GUTTER = 230, ROW = 19, AXIS = 34, MIN_SPAN = 300;
const STEPS = [60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 604800];
const load = document.getElementById("load"), rows = document.getElementById("rows");
const scroll = document.getElementById("scroll"), space = document.getElementById("space");
const tip = document.getElementById("tip");
let from = data.begin, to = data.end, shown = [], colour = {};

// A run is written as its distance from the previous due time, or [distance, wait, length] if it waits or is cut short.
for (const row of data.rows) {
  let due = data.begin, last = data.begin;
  row.runs = row.r.map(function (entry) {
    const plain = typeof entry === "number";
    due += plain ? entry : entry[0];
    const start = due + (plain ? 0 : entry[1]);
    const run = { due: due, start: start, end: start + (plain ? row.e : entry[2]) };
    last = Math.max(last, run.end);
    run.last = last; // the latest end so far: where a search may begin
    return run;
  });
  row.wait = row.runs.reduce(function (most, run) { return Math.max(most, run.start - run.due); }, 0);
  row.busy = row.runs.reduce(function (sum, run) { return sum + run.end - run.start; }, 0);
}

function offset(seconds) {
  let found = data.offsets[0][1];
  for (const entry of data.offsets) { if (entry[0] <= seconds) { found = entry[1]; } }
  return found;
}
function local(seconds) { return new Date((seconds + offset(seconds)) * 1000); }
function two(number) { return String(number).padStart(2, "0"); }
function clock(seconds, withSeconds) {
  const at = local(seconds);
  return two(at.getUTCHours()) + ":" + two(at.getUTCMinutes()) + (withSeconds && seconds % 60 ? ":" + two(at.getUTCSeconds()) : "");
}
function day(seconds) {
  return local(seconds).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
}
function length(seconds) {
  if (seconds < 90) { return Math.round(seconds) + " s"; }
  if (seconds < 5400) { return Math.round(seconds / 6) / 10 + " min"; }
  return Math.round(seconds / 360) / 10 + " h";
}

function x(seconds) { return GUTTER + (seconds - from) / (to - from) * (width() - GUTTER); }
function at(pixel) { return from + (pixel - GUTTER) / (width() - GUTTER) * (to - from); }
function width() { return scroll.clientWidth; }

function surface(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = width() * scale;
  canvas.height = height * scale;
  canvas.style.width = width() + "px";
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  return pen;
}

function ticks() {
  const step = STEPS.find(function (each) { return (to - from) / each <= (width() - GUTTER) / 74; }) || 604800;
  const found = [];
  const shift = offset(from) - (step === 604800 ? 4 * 86400 : 0);
  for (let tick = Math.ceil((from + shift) / step) * step - shift; tick < to; tick += step) {
    const moved = step >= 3600 ? tick + offset(from) - offset(tick) : tick; // keep to the clock across a change
    if (moved >= from && moved < to) { found.push(moved); }
  }
  return { step: step, at: found };
}

function grid(pen, height, top) {
  const marks = ticks();
  let lastDay = "";
  for (const tick of marks.at) {
    pen.fillStyle = clock(tick) === "00:00" ? colour.soft : colour.line;
    pen.globalAlpha = 0.6;
    pen.fillRect(Math.round(x(tick)), top, 1, height - top);
    pen.globalAlpha = 1;
    if (!top || x(tick) > width() - 70) { continue; }
    pen.fillStyle = colour.ink;
    if (marks.step < 86400) { pen.fillText(clock(tick), x(tick) + 3, AXIS - 8); }
    if (day(tick) !== lastDay) {
      pen.fillText(day(tick), x(tick) + 3, marks.step < 86400 ? 10 : AXIS - 12);
      lastDay = day(tick);
    }
  }
}

function drawLoad() {
  const height = 150, pen = surface(load, height), floor = height - 6;
  grid(pen, height, AXIS);
  const first = Math.max(0, Math.floor((from - data.begin) / data.step));
  const last = Math.min(data.running.length - 1, Math.floor((to - data.begin) / data.step));
  let most = 1;
  for (let i = first; i <= last; i++) { most = Math.max(most, data.running[i] + data.waiting[i]); }
  const scale = (floor - AXIS - 8) / most;
  for (let i = first; i <= last; i++) {
    const left = Math.max(GUTTER, x(data.begin + i * data.step)), right = x(Math.min(data.end, data.begin + (i + 1) * data.step));
    const wide = Math.max(1, right - left - ((right - left) > 8 ? 1 : 0));
    pen.fillStyle = colour.run;
    pen.fillRect(left, floor - data.running[i] * scale, wide, data.running[i] * scale);
    pen.fillStyle = colour.wait;
    pen.fillRect(left, floor - (data.running[i] + data.waiting[i]) * scale, wide, data.waiting[i] * scale);
  }
  pen.fillStyle = colour.ink;
  pen.fillText("Runs at once", 10, AXIS + 8);
  pen.fillStyle = colour.soft;
  pen.fillText("highest in each " + length(data.step), 10, AXIS + 25);
  pen.textAlign = "right";
  pen.fillText(String(most), GUTTER - 8, floor - most * scale + 5);
  pen.fillText("0", GUTTER - 8, floor - 5);
  pen.fillRect(GUTTER, floor, width() - GUTTER, 1);
}

function firstVisible(runs, moment) {
  let low = 0, high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle].last < moment) { low = middle + 1; } else { high = middle; }
  }
  return low;
}

function drawRows() {
  const all = shown.length * ROW + 4, height = Math.min(all, Math.round(window.innerHeight * 0.66));
  const pen = surface(rows, height), top = scroll.scrollTop;
  space.style.height = Math.max(0, all - height) + "px";
  const first = Math.floor(top / ROW), last = Math.min(shown.length - 1, Math.floor((top + height) / ROW));
  pen.fillStyle = colour.band;
  for (let i = first; i <= last; i++) { if (i % 2) { pen.fillRect(0, i * ROW - top, width(), ROW); } }
  grid(pen, height, 0);
  for (let i = first; i <= last; i++) { drawRow(pen, shown[i], i * ROW - top); }
}

function drawRow(pen, row, y) {
  let drawn = -1, waited = -1;
  for (let i = firstVisible(row.runs, from); i < row.runs.length; i++) {
    const run = row.runs[i];
    if (run.due >= to) { break; }
    const left = Math.max(GUTTER, x(run.start)), right = Math.max(left + 1.5, x(run.end));
    if (run.start > run.due) {
      const begin = Math.max(GUTTER, x(run.due), waited);
      if (left > begin) {
        pen.fillStyle = colour.wait;
        pen.fillRect(begin, y + 7, Math.max(1.5, left - begin), 5);
        waited = left;
      }
    }
    if (right > drawn + 0.5 && run.end >= from) { // what lies under a pixel that is drawn already is not drawn again
      pen.fillStyle = colour.run;
      pen.fillRect(Math.max(left, drawn), y + 4, right - Math.max(left, drawn), ROW - 8);
      drawn = right;
    }
  }
  pen.fillStyle = colour.paper;
  pen.fillRect(0, y, GUTTER - 1, ROW);
  pen.fillStyle = colour.ink;
  let name = row.n;
  while (pen.measureText(name).width > GUTTER - 20 && name.length > 4) { name = name.slice(0, -2) + "…"; }
  pen.fillText(name, 10, y + ROW / 2 + 1);
}

function draw() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "soft", "line", "band", "run", "wait"]) { colour[name] = style.getPropertyValue("--" + name).trim(); }
  drawLoad();
  drawRows();
}

function select() {
  const wanted = document.getElementById("filter").value.trim().toLowerCase();
  const order = document.getElementById("order").value;
  shown = data.rows.filter(function (row) { return (row.n + "\n" + row.j).toLowerCase().includes(wanted); });
  const rank = {
    wait: function (row) { return -row.wait; },
    busy: function (row) { return -row.busy; },
    runs: function (row) { return -row.runs.length; },
    first: function (row) { return row.runs.length ? row.runs[0].due : Infinity; },
  }[order];
  if (rank) { shown.sort(function (a, b) { return rank(a) - rank(b) || 0; }); }
  scroll.scrollTop = 0;
  draw();
}

function zoom(factor, around) {
  const span = Math.min(data.end - data.begin, Math.max(MIN_SPAN, (to - from) * factor));
  const share = (around - from) / (to - from);
  move(around - span * share, span);
}
function move(begin, span) {
  from = Math.max(data.begin, Math.min(begin, data.end - span));
  to = Math.min(data.end, from + span);
  draw();
}

function found(event) {
  const y = event.clientY - rows.getBoundingClientRect().top + scroll.scrollTop;
  const row = shown[Math.floor(y / ROW)], pixel = event.clientX - rows.getBoundingClientRect().left;
  if (!row) { return null; }
  const slack = 4 * (to - from) / (width() - GUTTER), moment = at(pixel);
  let best = null;
  for (let i = firstVisible(row.runs, moment - slack); pixel > GUTTER && i < row.runs.length; i++) {
    const run = row.runs[i];
    if (run.due > moment + slack) { break; }
    if (run.end >= moment - slack) { best = run; }
    if (run.start >= moment) { break; }
  }
  return { row: row, run: best };
}

function explain(event) {
  const hit = found(event);
  if (!hit || dragging) { tip.style.display = "none"; return; }
  const row = hit.row, run = hit.run;
  let text = row.n + (row.n === row.j ? "" : " (" + row.j + ")") + "\n" + row.k;
  if (run) {
    text += "\n" + day(run.start) + " " + clock(run.start, true) + " to " + clock(run.end, true) + ", " + length(run.end - run.start);
    if (run.start > run.due) { text += "\ndue " + clock(run.due, true) + ", waits " + length(run.start - run.due); }
  } else {
    text += "\n" + row.runs.length + " runs" + (row.wait ? ", waits up to " + length(row.wait) : "");
  }
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8) + "px";
}

let dragging = null;
for (const canvas of [load, rows]) {
  canvas.addEventListener("wheel", function (event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event.offsetX));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      move(from + (event.deltaX || event.deltaY) * (to - from) / width(), to - from);
    }
  }, { passive: false });
  canvas.addEventListener("pointerdown", function (event) { dragging = { x: event.clientX, from: from }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", function (event) {
    if (!dragging) { return; }
    move(dragging.from - (event.clientX - dragging.x) * (to - from) / (width() - GUTTER), to - from);
  });
  canvas.addEventListener("pointerup", function () { dragging = null; });
  canvas.addEventListener("dblclick", function (event) { zoom(0.4, at(event.offsetX)); });
}
rows.addEventListener("pointermove", explain);
rows.addEventListener("pointerleave", function () { tip.style.display = "none"; });
scroll.addEventListener("scroll", drawRows);
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.getElementById("filter").addEventListener("input", select);
document.getElementById("order").addEventListener("change", select);
document.getElementById("in").addEventListener("click", function () { zoom(0.5, (from + to) / 2); });
document.getElementById("out").addEventListener("click", function () { zoom(2, (from + to) / 2); });
document.getElementById("all").addEventListener("click", function () { move(data.begin, data.end - data.begin); });
select();
