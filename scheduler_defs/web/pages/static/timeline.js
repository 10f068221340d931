// The timeline: bars on a canvas, thousands of them, by lane; the wheel zooms, dragging moves.
"use strict";
(() => {
  const place = document.getElementById("timeline");
  const canvas = place.querySelector("canvas");
  const tip = place.querySelector(".tip");
  const course = JSON.parse(place.dataset.course);
  const lanes = [...new Set(course.bars.map((bar) => bar.lane))].sort();
  const at = new Map(lanes.map((name, index) => [name, index]));
  const LANE = 22, LEFT = 170, TOP = 24;
  const colours = { SUCCESS: "--good", FAILURE: "--bad", CANCELED: "--dim", EXPECTED: "--coming" };
  let begin = course.begin, end = course.end;

  const style = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const x = (seconds) => LEFT + ((seconds - begin) / (end - begin)) * (place.clientWidth - LEFT);
  const seconds = (pixels) => begin + ((pixels - LEFT) / (place.clientWidth - LEFT)) * (end - begin);

  function ticks() {
    const steps = [60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400];
    const step = steps.find((each) => (end - begin) / each <= 12) || 30 * 86400;
    const found = [];
    for (let each = Math.ceil(begin / step) * step; each < end; each += step) found.push([each, step]);
    return found;
  }

  function draw() {
    const scale = window.devicePixelRatio || 1;
    const width = place.clientWidth, height = TOP + Math.max(1, lanes.length) * LANE + 8;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const text = style("--text"), line = style("--line");
    for (const [each, step] of ticks()) {
      const moment = new Date(each * 1000);
      pen.strokeStyle = line;
      pen.beginPath();
      pen.moveTo(x(each), TOP - 4);
      pen.lineTo(x(each), height);
      pen.stroke();
      pen.fillStyle = text;
      const label = step < 86400 ? moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }) : moment.toLocaleDateString();
      pen.fillText(label, x(each) + 3, TOP / 2);
    }
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP, width - LEFT, height);
    pen.clip();
    const paints = {};
    for (const bar of course.bars) {
      if (bar.end < begin || bar.begin > end) continue;
      const paint = colours[bar.state] || "--going";
      const y = TOP + at.get(bar.lane) * LANE;
      if (bar.queued < bar.begin) {
        pen.fillStyle = paints.wait ??= style("--wait");
        pen.fillRect(x(bar.queued), y + 9, x(bar.begin) - x(bar.queued), 4);
      }
      pen.fillStyle = paints[paint] ??= style(paint);
      pen.fillRect(x(bar.begin), y + 4, Math.max(2, x(bar.end) - x(bar.begin)), LANE - 8);
    }
    pen.restore();
    pen.fillStyle = text;
    for (const [name, index] of at) pen.fillText(name.length > 24 ? `${name.slice(0, 23)}…` : name, 4, TOP + index * LANE + LANE / 2);
    pen.strokeStyle = style("--now");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(x(course.now), TOP - 6);
    pen.lineTo(x(course.now), height);
    if (x(course.now) >= LEFT) pen.stroke();
  }

  let asked = false;
  const again = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
  function zoom(factor, around) {
    const length = Math.min(90 * 86400, Math.max(60, (end - begin) * factor));
    const share = (around - begin) / (end - begin);
    begin = around - share * length;
    end = begin + length;
    again();
  }
  function move(by) {
    begin += by;
    end += by;
    again();
  }
  function found(event) {
    const box = canvas.getBoundingClientRect();
    const lane = lanes[Math.floor((event.clientY - box.top - TOP) / LANE)];
    const moment = seconds(event.clientX - box.left), slack = (3 * (end - begin)) / place.clientWidth;
    return course.bars.find((bar) => bar.lane === lane && moment >= bar.begin - slack && moment <= bar.end + slack);
  }
  let held = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, seconds(event.clientX - canvas.getBoundingClientRect().left));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (held) {
      const by = event.clientX - held.x;
      if (Math.abs(by) > 2) held.moved = true;
      held.x = event.clientX;
      move((-by / (place.clientWidth - LEFT)) * (end - begin));
      return;
    }
    const bar = found(event);
    tip.hidden = !bar;
    if (bar) {
      const took = bar.end - bar.begin;
      tip.textContent = `${bar.lane}: ${bar.state.toLowerCase()}, ${new Date(bar.begin * 1000).toLocaleString()}, ${took.toFixed(1)} s`
        + (bar.begin - bar.queued > 1 ? `, waited ${(bar.begin - bar.queued).toFixed(0)} s` : "");
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    const bar = held && !held.moved ? found(event) : null;
    held = null;
    if (bar && bar.run) location.assign(`${document.body.dataset.here}/runs/${encodeURIComponent(bar.run)}`);
  });
  place.addEventListener("keydown", (event) => {
    const step = (end - begin) / 10;
    if (event.key === "ArrowLeft") move(-step);
    else if (event.key === "ArrowRight") move(step);
    else if (event.key === "+" || event.key === "=") zoom(0.8, (begin + end) / 2);
    else if (event.key === "-") zoom(1.25, (begin + end) / 2);
    else return;
    event.preventDefault();
  });
  window.addEventListener("resize", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  draw();
})();
