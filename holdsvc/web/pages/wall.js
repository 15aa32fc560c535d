// The wallboard: its figures, how old they are, and the queues when there are several; behind a button each queue and the day
// as a map. No caller is named here.

import { askForToken } from "/static/access.js";
import { Feed } from "/static/feed.js";
import { clockTime, duration } from "/static/times.js";

const OLD = 3500; // milliseconds without news after which the figures are called old
const TICK = 250;
const LEAST_HOURS = 8; // on the map of the day
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
  figure("level", share(board.level) ?? "–");
  text("level-note", levelNote(board.level));
  figure("told", kept(board.told) ?? "–");
  text("told-note", toldNote(board.told));
  showCallbacks(board.callbacks);
  text("degraded", (board.degraded ?? []).map(withoutIt).join(" "));
  bars(board.hearing ?? {});
  showQueues(board.queues ?? []);
  if (!part("supervisor").hidden) supervise();
  tick();
}

function abandonedNote() {
  if (!board.offered) return "no calls yet today";
  const notes = [];
  if (board.offered >= FEW) notes.push(`${((100 * board.abandoned) / board.offered).toFixed(1)} % of offered`);
  else notes.push(`of ${board.offered} offered`);
  if (board.short_abandoned) notes.push(`+ ${board.short_abandoned} left at once`);
  return notes.join(" · ");
}

const AWAY = {
  store: "The store is away: calls go on, the log follows when it is back.",
  ledger: "The ledger is away: calls go on, reports wait until it is back.",
  speech: "Speech is not understood now: callers have their keys.",
};

function withoutIt(part) {
  return `▲ ${AWAY[part] ?? `Away: ${part}. Calls go on without it.`}`;
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

/** A share of few calls would say more than it knows. */
function share(level) {
  return level && level.share !== null && level.counted >= FEW ? `${Math.round(100 * level.share)} %` : null;
}

function levelNote(level) {
  if (!level) return "";
  if (level.counted < FEW) return level.counted ? `too few calls: ${level.counted}` : "no calls yet today";
  const better = level.share >= level.target ? "● target" : "▼ under the target of";
  return `${better} ${Math.round(100 * level.target)} % in ${level.seconds} s`;
}

function toldIn(told) {
  return told ? told.earlier + told.within + told.later : 0;
}

/** Of those told a wait, how many were answered within it, or sooner. */
function kept(told) {
  const all = toldIn(told);
  return all >= FEW ? `${Math.round((100 * (all - told.later)) / all)} %` : null;
}

function toldNote(told) {
  const all = toldIn(told);
  if (!all) return "nobody was told a wait yet today";
  return all < FEW ? `too few calls: ${all}` : `${(all - told.later).toLocaleString("en")} of ${all.toLocaleString("en")} who were told a wait`;
}

const WORDS = { music: "music", podcast: "podcast", daily: "updates", quiz: "quiz", quiet: "quiet", house: "house music" };

/** Who hung up on our promise. A queue that offers none and owes none shows nothing. */
function showCallbacks(callbacks) {
  part("callbacks-tile").hidden = !callbacks;
  if (!callbacks) return;
  figure("callbacks", callbacks.owed.toLocaleString("en"));
  const notes = [callbacks.owed ? `oldest for ${duration(callbacks.oldest_seconds)}` : "nobody waits for one"];
  if (callbacks.calling) notes.push(`${callbacks.calling} being called`);
  text("callbacks-note", notes.join(" · "));
}

/** The longest bars first; a word and a number stand on each. */
function bars(hearing) {
  const rows = Object.entries(hearing).slice(0, 5);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const list = part("hearing");
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(document.createElement("li"));
  rows.forEach(([what, count], index) => {
    const bar = list.children[index];
    const words = `${WORDS[what] ?? what} ${count}`;
    if (bar.textContent !== words) bar.textContent = words;
    bar.style.setProperty("--part", (count / most).toFixed(3));
  });
  text("hearing-note", rows.length ? "" : "nobody is waiting");
}

/** Broken into lines, if at all, between two of them. */
function heard(hearing) {
  return Object.entries(hearing ?? {}).map(([what, count]) => `${WORDS[what] ?? what} ${count}`.replaceAll(" ", "\u00a0")).join(", ") || "–";
}

/** From when to when; where there is no ground for it, that is said. */
function range(expected) {
  return expected ? `${duration(expected.low)}–${duration(expected.high)}` : "not known yet";
}

/** In a table: of nobody there is nothing to say, of few not enough. */
function orTooFew(words, counted) {
  return words ?? (counted ? "too few" : "–");
}

/** The queues with what their callers listen to, and the day as a map. */
function supervise() {
  const rows = document.querySelector("#rows tbody");
  fit(rows, board.queues.length, 10);
  board.queues.forEach((queue, index) => {
    const longest = queue.longest_wait_seconds === null ? "–" : duration(queue.longest_wait_seconds);
    const level = orTooFew(share(queue.level), queue.level?.counted);
    const expected = range(queue.expected_seconds);
    const counts = [level, orTooFew(kept(queue.told), toldIn(queue.told)), queue.answered, queue.abandoned, queue.callbacks?.owed ?? "–"];
    fill(rows.rows[index], [queue.queue, queue.waiting, longest, expected, ...counts, heard(queue.hearing)]);
  });
  showMap(sinceTheFirst(board.hours ?? []), board.edges ?? []);
}

/** The hours before anybody called are left out, as long as there are enough for a map. */
function sinceTheFirst(hours) {
  const first = hours.findIndex((hour) => hour.waits.some(Boolean));
  return hours.slice(Math.min(first < 0 ? hours.length : first, Math.max(0, hours.length - LEAST_HOURS)));
}

function showMap(hours, edges) {
  const map = part("map");
  const names = edges.map((edge) => `up to ${duration(edge)}`).concat(`over ${duration(edges.at(-1) ?? 0)}`);
  fit(map, names.length + 2, hours.length + 1);
  fill(map.rows[0], ["", ...hours.map((hour) => hour.begins.slice(11, 13))]);
  const most = Math.max(1, ...hours.flatMap((hour) => hour.waits));
  names.forEach((name, length) => {
    const row = map.rows[names.length - length];
    fill(row, [name, ...hours.map((hour) => hour.waits[length] || "")]);
    hours.forEach((hour, index) => row.cells[index + 1].style.setProperty("--part", (hour.waits[length] / most).toFixed(3)));
  });
  fill(map.rows[names.length + 1], ["gave up", ...hours.map((hour) => hour.abandoned || "")]);
}

function fit(rows, count, columns) {
  while (rows.rows.length > count) rows.deleteRow(-1);
  while (rows.rows.length < count) addRow(rows, columns);
  for (const row of rows.rows) {
    while (row.cells.length > columns) row.deleteCell(-1); // a new day has begun
    while (row.cells.length < columns) row.insertCell();
  }
}

function fill(row, values) {
  values.forEach((value, column) => {
    const cell = row.cells[column];
    if (cell.textContent !== String(value)) cell.textContent = value;
  });
}

function turn() {
  const shown = part("supervisor").hidden;
  part("supervisor").hidden = !shown;
  document.body.dataset.view = shown ? "supervisor" : "wall";
  part("view").setAttribute("aria-pressed", String(shown));
  if (shown && board) supervise();
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

function addRow(rows, columns = 5) {
  const row = rows.insertRow();
  const name = document.createElement("th");
  name.scope = "row";
  row.append(name);
  for (let column = 1; column < columns; column += 1) row.insertCell();
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

part("view").onclick = turn;
setInterval(tick, TICK);
document.addEventListener("visibilitychange", () => document.hidden || feed.look());
watch();
