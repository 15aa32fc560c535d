// Puts up and takes down what is said to everybody who waits. All that it knows it has from the API.

import { askForToken, isRefusal, request } from "/static/access.js";
import { clockTime } from "/static/times.js";

const EVERY = 5000; // milliseconds between two looks at what holds
const BOARD = "/api/v1/notices";

const part = (id) => document.getElementById(id);
let texts = new Map(); // prompt -> its words

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
  part("post").hidden = board.prompts.length === 0;
  if (board.prompts.length === 0) part("done").textContent = "No recording begins with notice_.";
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

function show(board) {
  texts = new Map(board.prompts.map((one) => [one.prompt, one.text]));
  part("notices").replaceChildren(...board.notices.map(line));
  part("none").hidden = board.notices.length > 0;
}

function line(notice) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  const about = document.createElement("small");
  about.textContent = `${notice.queue || "all queues"}, until ${clockTime(new Date(notice.until))}`;
  words.append(texts.get(notice.prompt) || notice.prompt, about);
  const button = document.createElement("button");
  button.textContent = "Stop saying it";
  button.onclick = () => act(() => ask(`${BOARD}/${notice.id}`, { method: "DELETE" }), () => "It is not said any more.");
  item.append(words, button);
  return item;
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

part("post").onsubmit = (event) => {
  event.preventDefault();
  const wanted = {
    prompt: new FormData(part("post")).get("prompt"),
    queue: part("queue").value,
    minutes: Number(part("minutes").value),
  };
  const callers = (count) => (count === 1 ? "1 caller hears it now." : `${count} callers hear it now.`);
  act(
    () => ask(BOARD, { method: "POST", body: JSON.stringify(wanted), headers: { "Content-Type": "application/json" } }),
    (told) => `Said. ${callers(told.heard_at_once)} The others hear it with their next piece.`,
  );
};

start().catch((error) => (part("done").textContent = error.message));
