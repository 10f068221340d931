// What the pages do: act through the API, show times in the reader's zone, and keep what they show fresh.
export const body = document.body;
const said = document.getElementById("said");

export function say(text, fault) {
  said.textContent = text;
  said.className = fault ? "fault" : "";
  if (!fault) setTimeout(() => { if (said.textContent === text) said.textContent = ""; }, 6000);
}

export async function call(method, url, document_, headers) {
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

export const times = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
function localise(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    each.title = each.dateTime;
    each.textContent = times.format(moment);
  }
}

function later(word) {
  const moment = new Date();
  if (word === "hour") moment.setHours(moment.getHours() + 1);
  else {
    moment.setDate(moment.getDate() + (word === "week" ? 7 : 1));
    moment.setHours(8, 0, 0, 0);
  }
  return moment.toISOString();
}

// Forms that speak to the API: `data-action`, `data-method`; fields are the JSON document.

function document_of(form, submitter) {
  const found = {};
  for (const field of form.elements) {
    const { config, type } = field.dataset;
    if (config && field.value !== "") (found.config ??= {})[config] = type === "string" ? field.value : JSON.parse(field.value);
    if (!field.name || field.disabled || field.type === "submit") continue;
    if (field.type === "checkbox") { if (field.checked) found[field.name] = true; continue; }
    if (field.value === "") continue;
    if (field.type === "datetime-local") found[field.name] = new Date(field.value).toISOString();
    else if ("list" in field.dataset) found[field.name] = field.value.split(",").map((each) => each.trim()).filter(Boolean);
    else if ("json" in field.dataset) found[field.name] = JSON.parse(field.value);
    else found[field.name] = field.value;
  }
  if (submitter && submitter.name) found[submitter.name] = submitter.name === "until" ? later(submitter.value) : submitter.value;
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

// What is shown stays fresh: htmx fetches parts of the page again, unless somebody is busy in them.

const busy = (part) => (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select"))
  || [...part.querySelectorAll("input, textarea")].some((each) => each.type !== "hidden" && each.value !== each.defaultValue);
body.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && "refresh" in event.target.dataset) event.preventDefault();
});
body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (busy(target)) { event.detail.shouldSwap = false; return; }
  const open = [...target.querySelectorAll("details")].map((each) => each.open);
  for (const [at, each] of [...fragment.querySelectorAll("details")].entries()) each.open = open[at] || false;
});
body.addEventListener("htmx:load", (event) => dress(event.detail.elt));

// Times are the reader's, and what is too wide can be scrolled with the keyboard.

function dress(root) {
  localise(root);
  for (const each of root.querySelectorAll(".wide")) if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
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

dress(document);
