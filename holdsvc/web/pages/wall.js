// The wallboard: four figures, how old they are, and the queues when there are several. No caller is named here.

import { askForToken } from "/static/access.js";
import { Feed } from "/static/feed.js";
import { clockTime, duration } from "/static/times.js";

const OLD = 3500; // milliseconds without news after which the figures are called old
const TICK = 250;
const FEW = 20; // offered calls below which a share would say more than it knows

const part = (id) => document.getElementById(id);

let board = null;
let heardAt = 0; // performance.now()
let heardTime = null; // the same moment for people
let feed = null;

function news(fresh) {
  board = fresh;
  heardAt = performance.now();
  heardTime = new Date();
  figure("waiting", String(board.waiting));
  figure("answered", board.answered.toLocaleString("en"));
  figure("abandoned", board.abandoned.toLocaleString("en"));
  text("answered-note", board.offered ? `of ${board.offered.toLocaleString("en")} offered` : "no calls yet today");
  text("abandoned-note", abandonedNote());
  showQueues(board.queues ?? []);
  tick();
}

function abandonedNote() {
  const notes = [];
  if (board.offered >= FEW) notes.push(`${((100 * board.abandoned) / board.offered).toFixed(1)} % of offered`);
  else if (board.offered) notes.push(`of ${board.offered} offered`);
  if (board.short_abandoned) notes.push(`+ ${board.short_abandoned} who left at once`);
  return notes.join(" · ");
}

/** While the figures are fresh the longest wait goes on; old figures stand still, because nobody knows. */
function tick() {
  if (!board) return;
  const age = performance.now() - heardAt;
  const old = age > OLD;
  document.body.dataset.freshness = old ? "old" : "fresh";
  const clock = clockTime(heardTime);
  text("freshness", old ? "▲ Data is old" : "● Live");
  text("age", old ? `· last heard ${ago(age)} ago, at ${clock}` : `· ${clock}`);
  if (old) return;
  const longest = board.longest_wait_seconds;
  figure("longest", longest === null ? "–" : duration(longest + age / 1000));
  text("longest-note", longest === null ? "nobody is waiting" : `since ${clockTime(new Date(Date.now() - 1000 * longest - age))}`);
  text("waiting-note", waitingNote());
}

function ago(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : duration(seconds);
}

function waitingNote() {
  if (board.waiting === 0) return "nobody is waiting";
  return board.waiting === 1 ? "caller" : "callers";
}

function figure(id, value) {
  text(id, value);
  part(id).dataset.length = Math.min(9, value.length);
}

/** Writes only what changed, so that a wall left on for days does no needless work and a screen reader keeps quiet. */
function text(id, value) {
  if (part(id).textContent !== value) part(id).textContent = value;
}

function showQueues(queues) {
  part("queues").hidden = queues.length < 2;
  if (queues.length < 2) return;
  const rows = document.querySelector("#queues tbody");
  while (rows.rows.length > queues.length) rows.deleteRow(-1);
  while (rows.rows.length < queues.length) addRow(rows);
  queues.forEach((queue, index) => {
    const longest = queue.longest_wait_seconds === null ? "–" : duration(queue.longest_wait_seconds);
    const values = [queue.queue, queue.waiting, longest, queue.answered, queue.abandoned];
    values.forEach((value, column) => (rows.rows[index].cells[column].textContent = value));
  });
}

function addRow(rows) {
  const row = rows.insertRow();
  const name = document.createElement("th");
  name.scope = "row";
  row.append(name);
  for (let column = 1; column < 5; column += 1) row.insertCell();
}

async function refused() {
  text("freshness", "▲ No figures without the token");
  text("age", "");
  await askForToken(part("token-form"));
  watch();
}

function watch() {
  feed?.stop();
  feed = new Feed(news, refused);
  feed.start();
}

setInterval(tick, TICK);
document.addEventListener("visibilitychange", () => document.hidden || feed.look());
watch();
