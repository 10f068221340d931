// The board: what is ready is put into order by dragging, with Alt and the arrow keys, or with its buttons.
import { body, call, say } from "./app.js";

const cards = (list) => [...list.querySelectorAll("li[data-task]")];
const id = (card) => Number(card.dataset.task);
const priority = (card) => Number(card.dataset.priority);

// Higher priority goes first, then the older task: the priority with which it stands right before or after another.
const before = (card, other) => (id(card) < id(other) ? priority(other) : priority(other) + 1);
const after = (card, other) => (id(card) > id(other) ? priority(other) : priority(other) - 1);

async function put(card, wanted) {
  if (wanted === priority(card)) return;
  try {
    await call("PATCH", `${body.dataset.api}/tasks/${card.dataset.task}`, { priority: wanted });
    say(`Task ${card.dataset.task} has priority ${wanted}.`);
    window.htmx.trigger("[data-refresh]", "now");
  } catch (error) { say(error.message, true); }
}
function move(card, way) {
  const all = cards(card.parentNode), other = all[all.indexOf(card) + (way === "up" ? -1 : 1)];
  if (other) put(card, way === "up" ? before(card, other) : after(card, other));
}

const ordered = (target) => (target.closest ? target.closest("[data-order] li[data-task]") : null);
document.addEventListener("click", (event) => {
  if (event.target.dataset.move) move(ordered(event.target), event.target.dataset.move);
});
document.addEventListener("keydown", (event) => {
  const card = ordered(event.target);
  if (!card || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  move(card, event.key === "ArrowUp" ? "up" : "down");
});

let held = null;
const unmark = () => { for (const each of document.querySelectorAll(".over, .under")) each.classList.remove("over", "under"); };
const lower = (event, card) => event.clientY > card.getBoundingClientRect().top + card.offsetHeight / 2;
document.addEventListener("dragstart", (event) => {
  held = ordered(event.target);
  if (held) event.dataTransfer.setData("text/plain", held.dataset.task);
});
document.addEventListener("dragover", (event) => {
  const card = ordered(event.target);
  unmark();
  if (!held || !card || card === held) return;
  event.preventDefault();
  card.classList.add(lower(event, card) ? "under" : "over");
});
document.addEventListener("drop", (event) => {
  const card = ordered(event.target);
  unmark();
  if (!held || !card || card === held) return;
  event.preventDefault();
  put(held, lower(event, card) ? after(held, card) : before(held, card));
});
document.addEventListener("dragend", () => { held = null; unmark(); });
