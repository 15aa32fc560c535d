// Puts up and takes down what is said to everybody who waits. All that it knows it has from the API.

import { askForToken, isRefusal, request } from "/static/access.js";
import { clockTime } from "/static/times.js";

const EVERY = 5000; // milliseconds between two looks at what holds
const SOON = 1000; // while something is being spoken
const BOARD = "/api/v1/notices";

const part = (id) => document.getElementById(id);
const LONGEST = 300; // characters
const HURRY = 30; // minutes
let waiting = []; // who waits in each queue, as the service counts
let hurried = []; // where documents are short at present
let speaking = []; // ids of what is being spoken
let soon = 0; // the next look, ahead of its time

/** The answer as a value; a sentence is thrown where there is none. */
async function ask(path, options) {
  const reply = await request(path, options);
  if (isRefusal(reply)) {
    await askForToken(part("token-form"));
    return ask(path, options);
  }
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error);
  return told;
}

async function start() {
  const [board, { queues }] = [await ask(BOARD), await ask("/api/v1/queues")];
  part("queue").replaceChildren(
    new Option("all queues", ""),
    ...queues.filter((one) => one.queue !== "default").map((one) => new Option(one.queue, one.queue)),
  );
  part("prompts").replaceChildren(...board.prompts.map(choice));
  const types = board.languages.length > 0;
  part("texts").replaceChildren(...board.languages.map(field));
  part("typing").hidden = !types;
  part("cannot").hidden = types;
  part("cannot").textContent = `Nothing can be typed: ${board.cannot_type}`;
  part("post").hidden = !types && board.prompts.length === 0;
  if (part("post").hidden) part("done").textContent = "No recording begins with notice_, and there is no synthesiser.";
  if (types && board.prompts.length === 0) part("typing").querySelector("input").checked = true;
  part("texts").hidden = chosen() !== "";
  show(board);
  setInterval(look, EVERY);
}

function choice(prompt, index) {
  const label = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "prompt", value: prompt.prompt });
  radio.checked = index === 0;
  const words = document.createElement("span");
  const languages = document.createElement("small");
  languages.textContent = ` ${prompt.languages.join(", ")}`;
  words.append(prompt.text || prompt.prompt, languages);
  label.append(radio, words);
  return label;
}

/** One line of words in a language; what stays empty is not said to those who speak it. */
function field(language) {
  const label = document.createElement("label");
  const line = Object.assign(document.createElement("input"), { type: "text", name: `text-${language}`, maxLength: LONGEST });
  line.lang = language;
  line.autocomplete = "off";
  label.append(new Intl.DisplayNames("en", { type: "language" }).of(language), line);
  return label;
}

const chosen = () => new FormData(part("post")).get("prompt");

function typed() {
  const lines = [...part("texts").querySelectorAll("input")].filter((one) => one.value.trim());
  return Object.fromEntries(lines.map((one) => [one.lang, one.value.trim()]));
}

function show(board) {
  part("notices").replaceChildren(...board.notices.map(line));
  part("none").hidden = board.notices.length > 0;
  waiting = board.waiting;
  hurried = board.hurried;
  showWaiting();
  clearTimeout(soon);
  const ids = (state) => board.notices.filter((one) => one.state === state).map((one) => one.id);
  if (ids("speaking").length > 0) soon = setTimeout(look, SOON);
  const over = speaking.filter((id) => !ids("speaking").includes(id));
  if (over.some((id) => ids("failed").includes(id))) part("done").textContent = "It could not be spoken: see below.";
  else if (over.some((id) => board.notices.some((one) => one.prompt === `typed_${id}`))) part("done").textContent = "It has been spoken, and is live.";
  speaking = ids("speaking");
}

function line(notice) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  const about = document.createElement("small");
  about.textContent = `${notice.queue || "all queues"}, ${STATES[notice.state](notice)}`;
  about.className = notice.state;
  words.append(notice.text || notice.prompt, about);
  const button = document.createElement("button");
  button.textContent = { live: "Stop saying it", speaking: "Give it up", failed: "Forget it" }[notice.state];
  button.onclick = () => act(() => ask(`${BOARD}/${notice.id}`, { method: "DELETE" }), () => "It is not said any more.");
  item.append(words, button);
  return item;
}

/** What ops would reach if they spoke now. */
function showWaiting() {
  const queue = part("queue").value;
  const meant = waiting.filter((one) => queue === "" || one.queue === queue);
  const sum = (what) => meant.reduce((all, one) => all + one[what], 0);
  const told = [];
  if (sum("live") > 0) told.push(`${sum("live")} would hear it at once`);
  if (sum("later") > 0) told.push(`${sum("later")} would hear it within ${Math.max(...meant.map((one) => one.within))} s`);
  if (sum("left_out") > 0) told.push(`${sum("left_out")} want no talk`);
  const ready = hurried.find((one) => one.queue === "" || one.queue === queue);
  part("hurry").hidden = sum("later") === 0 && !ready;
  part("ready").hidden = Boolean(ready);
  part("hurried").textContent = ready
    ? `Until ${clockTime(new Date(ready.until))} pieces are short there: a word is heard within seconds of going live.`
    : `For ${HURRY} minutes pieces become short there: short gaps in the music, and a word is heard within seconds.`;
  part("waiting").textContent = told.length > 0 ? `Waiting there now: ${told.join(", ")}.` : "Nobody waits there now.";
}

const STATES = {
  live: (notice) => `until ${clockTime(new Date(notice.until))}: ${reach(notice)}`,
  speaking: () => "being spoken; it goes live when that is done",
  failed: (notice) => notice.fault,
};

const callers = (count) => (count === 1 ? "1 caller" : `${count} callers`);

/** Who was told and who will be, in figures that the service has counted just now. */
function reach(notice) {
  const all = notice.told + notice.waiting;
  if (all + notice.left_out === 0) return "nobody waits";
  const later = notice.waiting - notice.waiting_live;
  const told = [`told to ${notice.told} of ${all}`];
  if (notice.waiting_live > 0) told.push(`${notice.waiting_live} at once`);
  if (later > 0) told.push(`${later} within ${notice.within} s`);
  if (notice.left_out > 0) told.push(`not to ${notice.left_out}, who want no talk or speak another language`);
  return told.join("; ");
}

async function act(deed, words) {
  try {
    part("done").textContent = words(await deed());
  } catch (error) {
    part("done").textContent = error.message;
  }
  await look();
}

async function look() {
  try {
    show(await ask(BOARD));
  } catch {
    part("done").textContent = "The service does not answer.";
  }
}

function said(told) {
  const later = told.waiting - told.waiting_live;
  const now = `${callers(told.heard_at_once)} ${told.heard_at_once === 1 ? "hears" : "hear"} it now`;
  return later > 0 ? `Said. ${now}, ${later} more within ${told.within} s.` : `Said. ${now}.`;
}

part("ready").onclick = () => {
  const wanted = JSON.stringify({ queue: part("queue").value, minutes: HURRY });
  const headers = { "Content-Type": "application/json" };
  act(() => ask(`${BOARD}/hurry`, { method: "POST", body: wanted, headers }), () => "Ready.");
};

part("post").onchange = () => {
  part("texts").hidden = chosen() !== "";
  showWaiting();
};

part("post").onsubmit = (event) => {
  event.preventDefault();
  const what = chosen() ? { prompt: chosen() } : { texts: typed() };
  if (what.texts && Object.keys(what.texts).length === 0) {
    part("done").textContent = "Type what is to be said.";
    return;
  }
  const wanted = {
    ...what,
    queue: part("queue").value,
    minutes: Number(part("minutes").value),
  };
  act(
    () => ask(BOARD, { method: "POST", body: JSON.stringify(wanted), headers: { "Content-Type": "application/json" } }),
    (told) => (told.state === "live" ? said(told) : "It is being spoken, and goes live when that is done."),
  );
};

start().catch((error) => (part("done").textContent = error.message));
