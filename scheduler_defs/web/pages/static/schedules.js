// Schedules: several at once, and the form of one with its preview.
import { body, call, say, times } from "./app.js";

// Several at once. The list is replaced while one types into the search, so its events are heard further up.

const chosen = (list) => [...list.querySelectorAll("input[name=name]:checked")].map((each) => each.value);
document.addEventListener("change", (event) => {
  const list = event.target.closest("form[data-bulk]");
  if (!list) return;
  if ("all" in event.target.dataset) for (const each of list.querySelectorAll("input[name=name]")) each.checked = event.target.checked;
  list.querySelector("legend").textContent = `${chosen(list).length || "None"} selected`;
});
document.addEventListener("submit", async (event) => {
  const list = event.target;
  if (!("bulk" in list.dataset)) return;
  event.preventDefault();
  const act = event.submitter && event.submitter.dataset.do;
  const names = chosen(list);
  if (!act || !names.length) { say("Select schedules first.", true); return; }
  const given = {};
  if (act === "pause") {
    if (list.elements.reason.value) given.reason = list.elements.reason.value;
    if (list.elements.until.value) given.until = new Date(list.elements.until.value).toISOString();
  }
  const faults = [];
  for (const [at, name] of names.entries()) {
    say(`${at + 1} of ${names.length}…`);
    try {
      await call("POST", `${body.dataset.api}/schedules/${encodeURIComponent(name)}/${act}`, act === "pause" ? given : undefined);
    } catch (error) { faults.push(`${name}: ${error.message}`); }
  }
  if (faults.length) say(faults.join("\n"), true);
  else location.reload();
});

// One schedule's declaration: what is typed is tried out at once, and saved when it is well.

const JSON_LIKE = /^\s*[[{"]/;
function value(field) {
  const text = field.value.trim();
  if (text === "") return null;
  if (field.dataset.kind === "text" || field.dataset.key === "job") return text;
  if (text === "true" || text === "false" || JSON_LIKE.test(text)) return JSON.parse(text);
  return field.dataset.kind === "number" && /^-?\d+$/.test(text) ? Number(text) : text;
}

class Form {
  constructor(form) {
    this.form = form;
    this.entry = JSON.parse(form.dataset.entry);
    this.name = form.dataset.schedule;
    this.tries = 0;
    const find = (selector) => form.querySelector(selector);
    [this.fault, this.shown, this.save] = [find(".fault"), find("[data-shown]"), find("[data-save]")];
    form.addEventListener("input", () => {
      this.save.disabled = true;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => { if (form.checkValidity()) this.preview(); }, 500);
    });
    find("[data-preview]").addEventListener("click", () => { if (form.reportValidity()) this.preview(); });
    form.addEventListener("submit", (event) => this.send(event));
    if (!this.name && form.elements.when.value && form.checkValidity()) this.preview();
  }

  changes() {
    const found = {};
    const { rule, when } = this.form.elements;
    for (const field of this.form.querySelectorAll("[data-key]")) {
      const given = value(field);
      if (JSON.stringify(given) !== JSON.stringify(this.entry[field.dataset.key] ?? null)) found[field.dataset.key] = given;
    }
    const due = JSON_LIKE.test(when.value) ? JSON.parse(when.value) : when.value.trim();
    if (JSON.stringify(this.entry[rule.value]) !== JSON.stringify(due)) found[rule.value] = due;
    return found;
  }

  request(dry) {
    const base = `${body.dataset.api}/schedules`;
    if (this.name) {
      const etag = { "If-Match": this.form.dataset.etag };
      return call("PATCH", `${base}/${encodeURIComponent(this.name)}${dry}`, { changes: this.changes() }, etag);
    }
    const kept = { ...this.entry };
    for (const key of ["cron", "every", "rrule", "at", "check_every"]) if (key !== this.form.elements.rule.value) delete kept[key];
    const filled = Object.entries({ ...kept, ...this.changes() }).filter(([, given]) => given !== null);
    return call("POST", base + dry, { name: this.form.elements.name.value, entry: Object.fromEntries(filled) });
  }

  async preview() {
    const mine = ++this.tries;
    if (this.name && !Object.keys(this.changes()).length) { this.refuse({ message: "" }); return; }
    try {
      const answer = await this.request("?dry_run=1");
      if (mine === this.tries) this.show(answer);
    } catch (error) { if (mine === this.tries) this.refuse(error); }
  }

  show(answer) {
    this.refuse({ message: "" });
    this.shown.hidden = false;
    const find = (selector) => this.form.querySelector(selector);
    find("[data-reads]").textContent = answer.reads || "";
    find("[data-diff]").textContent = answer.diff || "nothing changes";
    find("[data-next]").replaceChildren(...answer.next.map((due) => {
      const line = document.createElement("li"), here = document.createElement("small");
      here.textContent = ` ${answer.timezone}; here ${times.format(new Date(due))}`;
      line.append(due.slice(0, 16).replace("T", " "), here);
      return line;
    }));
    this.save.disabled = !answer.changed;
  }

  refuse(error) {
    const text = error instanceof SyntaxError ? `This is no JSON: ${error.message}` : error.message;
    this.fault.hidden = !text;
    this.fault.textContent = text;
    this.shown.hidden = true;
    this.save.disabled = true;
    for (const each of this.form.querySelectorAll(".wrong")) each.remove();
    for (const each of this.form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    for (const [, key, said] of text.matchAll(/: schedules\.[^:]*?\.(\w+)(?:[.[][^:]*)?: (.*)/g)) this.mark(key, said);
  }

  mark(key, said) {
    const place = this.form.querySelector(`[data-field="${key}"]`);
    if (!place) return;
    const fold = place.closest("details"), note = document.createElement("small");
    if (fold) fold.open = true;
    note.className = "wrong";
    note.textContent = said;
    place.append(note);
    place.querySelector("input, select").setAttribute("aria-invalid", "true");
  }

  async send(event) {
    event.preventDefault();
    try {
      const answer = await this.request("");
      location.assign(`${body.dataset.here}/schedules/${encodeURIComponent(answer.name)}`);
    } catch (error) { this.refuse(error); }
  }
}

for (const form of document.querySelectorAll("form[data-schedule]")) new Form(form);
