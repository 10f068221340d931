// A run as it goes: what it prints, and its events.
import { call, times } from "./app.js";

// Output, as it grows

for (const place of document.querySelectorAll("[data-output]")) {
  const streams = { stdout: "", stderr: "" };
  const parts = Object.keys(streams).map((name) => {
    const part = document.createElement("span");
    part.className = name;
    place.append(part);
    return [name, part];
  });
  const look = async () => {
    let going = true;
    try {
      const run = await call("GET", place.dataset.output);
      going = !["SUCCESS", "FAILURE", "CANCELED"].includes(run.status);
      for (const [name, part] of parts) {
        const answer = await fetch(`${place.dataset.output}/output/${name}`);
        if (!answer.ok) continue;
        const text = (await answer.text()).slice(-200000);
        if (text !== streams[name]) {
          const below = place.scrollTop + place.clientHeight >= place.scrollHeight - 4;
          streams[name] = text;
          part.textContent = text;
          if (below) place.scrollTop = place.scrollHeight;
        }
      }
    } catch { /* again in a moment */ }
    if (going) setTimeout(look, 1500);
  };
  look();
}

// Events, as they come

for (const place of document.querySelectorAll("[data-events]")) {
  const source = new EventSource(place.dataset.events);
  source.addEventListener("event", (event) => {
    const found = JSON.parse(event.data);
    const row = place.insertRow();
    const cells = [times.format(new Date(found.time)), found.type.toLowerCase().replaceAll("_", " "), found.step || "", found.error || found.message];
    for (const text of cells) row.insertCell().textContent = text;
    while (place.rows.length > 1000) place.deleteRow(0);
  });
  source.addEventListener("end", () => source.close());
}
