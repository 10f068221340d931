// What the pages do: act through the API, show times in the reader's zone, and keep what they show fresh.
"use strict";
(() => {
  const body = document.body;
  const said = document.getElementById("said");

  function say(text, fault) {
    said.textContent = text;
    said.className = fault ? "fault" : "";
    if (!fault) setTimeout(() => { if (said.textContent === text) said.textContent = ""; }, 6000);
  }

  async function call(method, url, document_, headers) {
    const options = { method, headers: { ...headers } };
    if (document_ !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(document_);
    }
    const answer = await fetch(url, options);
    const text = await answer.text();
    let found = null;
    try { found = JSON.parse(text); } catch { /* no JSON: the status says it */ }
    if (!answer.ok) {
      const faults = ((found && found.faults) || []).map((each) => `${each.path}: ${each.message}`);
      const why = new Error([found ? found.detail : answer.statusText, ...faults].join("\n"));
      why.status = answer.status;
      throw why;
    }
    return found;
  }

  // Times

  const times = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
  function localise(root) {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      each.title = each.dateTime;
      each.textContent = times.format(moment);
    }
  }

  function tomorrow() {
    const moment = new Date();
    moment.setDate(moment.getDate() + 1);
    moment.setHours(8, 0, 0, 0);
    return moment.toISOString();
  }

  // Forms that speak to the API: `data-action`, `data-method`; fields are the JSON document.

  function document_of(form, submitter) {
    const found = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled || field.type === "submit") continue;
      if (field.type === "checkbox") { if (field.checked) found[field.name] = true; continue; }
      if (field.value === "") continue;
      if (field.type === "datetime-local") found[field.name] = new Date(field.value).toISOString();
      else if ("json" in field.dataset) found[field.name] = JSON.parse(field.value);
      else found[field.name] = field.value;
    }
    if (submitter && submitter.name) found[submitter.name] = submitter.value === "tomorrow" ? tomorrow() : submitter.value;
    return found;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.action) return;
    event.preventDefault();
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) return;
    const buttons = [...form.querySelectorAll("button")];
    try {
      const given = document_of(form, event.submitter);
      for (const each of buttons) each.disabled = true;
      const headers = form.dataset.etag ? { "If-Match": form.dataset.etag } : {};
      const answer = await call(form.dataset.method, form.dataset.action, given, headers);
      if (form.dataset.go) {
        location.assign(form.dataset.go.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name])));
        return;
      }
      location.reload();
    } catch (error) {
      say(error instanceof SyntaxError ? `This is no JSON: ${error.message}` : error.message, true);
      for (const each of buttons) each.disabled = false;
    }
  });

  // Several schedules at once

  const bulk = document.querySelector("form[data-bulk]");
  if (bulk) {
    const all = bulk.querySelector("[data-all]");
    if (all) all.addEventListener("change", () => {
      for (const each of bulk.querySelectorAll("input[name=name]")) each.checked = all.checked;
    });
    bulk.addEventListener("submit", async (event) => {
      event.preventDefault();
      const act = event.submitter && event.submitter.dataset.do;
      const names = [...bulk.querySelectorAll("input[name=name]:checked")].map((each) => each.value);
      if (!act || !names.length) { say("Select schedules first.", true); return; }
      const given = {};
      if (act === "pause") {
        if (bulk.elements.reason.value) given.reason = bulk.elements.reason.value;
        if (bulk.elements.until.value) given.until = new Date(bulk.elements.until.value).toISOString();
      }
      const faults = [];
      for (const name of names) {
        try {
          await call("POST", `${body.dataset.api}/schedules/${encodeURIComponent(name)}/${act}`, act === "pause" ? given : undefined);
        } catch (error) { faults.push(`${name}: ${error.message}`); }
      }
      if (faults.length) say(faults.join("\n"), true);
      else location.reload();
    });
  }

  // A schedule's declaration: preview, then save

  for (const form of document.querySelectorAll("form[data-schedule]")) {
    const entry = JSON.parse(form.dataset.entry);
    const rules = ["cron", "every", "rrule", "at", "check_every"];
    const plain = ["job", "timezone", "overlap", "owner", "description"];
    const fault = form.querySelector(".fault");
    const shown = form.querySelector("[data-shown]");
    const save = form.querySelector("[data-save]");

    const value = (text) => (/^\s*[[{]/.test(text) ? JSON.parse(text) : text);
    function wanted() {
      const changes = {};
      const rule = form.elements.rule.value;
      const when = value(form.elements.when.value);
      if (JSON.stringify(entry[rule]) !== JSON.stringify(when)) changes[rule] = when;
      for (const name of plain) {
        const given = form.elements[name].value;
        if (given !== String(entry[name] ?? "")) changes[name] = given === "" ? null : given;
      }
      if (form.elements.more.value.trim()) Object.assign(changes, JSON.parse(form.elements.more.value));
      return changes;
    }
    function request(dry) {
      const name = form.dataset.schedule;
      const base = `${body.dataset.api}/schedules`;
      if (!name) {
        const filled = Object.fromEntries(Object.entries(wanted()).filter(([, given]) => given !== null));
        return call("POST", base + dry, { name: form.elements.name.value, entry: filled });
      }
      return call("PATCH", `${base}/${encodeURIComponent(name)}${dry}`, { changes: wanted() }, { "If-Match": form.dataset.etag });
    }
    function refuse(error) {
      fault.hidden = false;
      fault.textContent = error.message;
      shown.hidden = true;
      save.disabled = true;
    }
    form.addEventListener("input", () => { save.disabled = true; });
    form.querySelector("[data-preview]").addEventListener("click", async () => {
      if (!form.reportValidity()) return;
      try {
        const answer = await request("?dry_run=1");
        fault.hidden = true;
        shown.hidden = false;
        form.querySelector("[data-diff]").textContent = answer.diff || "nothing changes";
        form.querySelector("[data-next]").replaceChildren(...answer.next.map((due) => {
          const line = document.createElement("li");
          line.textContent = `${times.format(new Date(due))}  (${due})`;
          return line;
        }));
        save.disabled = !answer.changed;
      } catch (error) { refuse(error); }
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const answer = await request("");
        location.assign(`${body.dataset.here}/schedules/${encodeURIComponent(answer.name)}`);
      } catch (error) { refuse(error); }
    });
  }

  // What is shown stays fresh: parts of the page are fetched again, unless somebody is busy in them.

  const busy = (part) => part.contains(document.activeElement)
    || [...part.querySelectorAll("input, textarea")].some((each) => each.type !== "hidden" && each.value !== each.defaultValue);
  async function refresh() {
    const parts = [...document.querySelectorAll("[data-live]:not([data-still])")];
    if (!parts.length) return;
    const seconds = Math.min(...parts.map((each) => Number(each.dataset.live)));
    await new Promise((wake) => setTimeout(wake, seconds * 1000));
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.ok && !answer.redirected) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          const now = [...fresh.querySelectorAll("[data-live]")];
          for (const [index, part] of [...document.querySelectorAll("[data-live]")].entries()) {
            if (!now[index] || busy(part)) continue;
            localise(now[index]);
            const open = [...part.querySelectorAll("details")].map((each) => each.open);
            for (const [at, each] of [...now[index].querySelectorAll("details")].entries()) each.open = open[at] || false;
            part.replaceWith(document.adoptNode(now[index]));
          }
        }
      } catch { /* the server is away: what is shown stays */ }
    }
    refresh();
  }

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

  for (const button of document.querySelectorAll("[data-verify]")) {
    button.addEventListener("click", async () => {
      try {
        const found = await call("GET", button.dataset.verify);
        const problems = found.problems.map((each) => `${each.sequence ?? ""} ${each.problem}: ${each.detail}`);
        say(found.ok ? `${found.entries} entries are as they were sealed.` : problems.join("\n"), !found.ok);
      } catch (error) { say(error.message, true); }
    });
  }

  localise(document);
  refresh();
})();
