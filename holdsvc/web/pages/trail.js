// The webhooks of a call and our answers, side by side, newest first.

import { pretty, unfold } from "/static/markup.js";
import { clockTime } from "/static/times.js";

const KEPT = 80; // exchanges; older ones leave the page

export class Trail {
  constructor(list) {
    this.list = list;
    this.list.onclick = unfold;
    this.forget();
  }

  forget() {
    this.list.replaceChildren();
    this.open = [];
    this.before = new Map();
  }

  add(hook) {
    if (hook.direction === "request") this.request(hook);
    else this.answer(hook);
  }

  request(hook) {
    const row = part("li", "exchange");
    const head = part("header", "");
    head.append(part("time", "", clockTime(moment(hook))), part("strong", "", hook.step));
    head.append(part("code", "", `${hook.method ?? "POST"} ${readable(hook.url)}`));
    const verdict = part("span", "verdict pending", "no answer yet");
    head.append(verdict);
    const pair = part("div", "pair");
    const answer = part("div", "answer");
    pair.append(this.fields(hook.body), answer);
    row.append(head, pair);
    this.list.prepend(row);
    this.open.push({ key: key(hook), at: moment(hook), verdict, answer });
    if (this.list.children.length > KEPT) this.list.lastElementChild.remove();
  }

  answer(hook) {
    const index = this.open.findIndex((waiting) => waiting.key === key(hook));
    if (index < 0) return;
    const [{ at, verdict, answer }] = this.open.splice(index, 1);
    const good = hook.status >= 200 && hook.status < 400;
    verdict.className = `verdict ${good ? "good" : "bad"}`;
    verdict.textContent = `${good ? "✓" : "✕"} ${hook.status} · ${Math.max(0, Math.round(moment(hook) - at))} ms`;
    answer.append(hook.body ? pretty(hook.body) : part("p", "empty", "empty answer"));
  }

  /** What is new since the last request stands out; what the platform only repeats is folded away. */
  fields(body) {
    const box = part("div", "request");
    const all = parameters(body);
    const fresh = all.filter(([name, value]) => this.before.get(name) !== value);
    const same = all.filter(([name, value]) => this.before.get(name) === value);
    for (const [name, value] of all) this.before.set(name, value);
    if (fresh.length) box.append(table(fresh));
    if (!all.length) box.append(part("p", "empty", "empty body"));
    if (same.length) box.append(folded(same));
    return box;
  }
}

function key({ id, step, url }) {
  return id ?? `${step} ${url}`;
}

function moment({ at }) {
  if (typeof at === "number") return new Date(at * 1000);
  return at ? new Date(at) : new Date();
}

function readable(url) {
  return String(url ?? "").replace(/^https?:\/\/[^/]+/, "");
}

function parameters(body) {
  if (body && typeof body === "object") return Object.entries(body).map(([name, value]) => [name, String(value)]);
  const text = String(body ?? "").trim();
  if (text.startsWith("{")) return Object.entries(JSON.parse(text)).map(([name, value]) => [name, String(value)]);
  return [...new URLSearchParams(text)];
}

function table(pairs) {
  const list = part("dl", "");
  for (const [name, value] of pairs) list.append(part("dt", "", name), part("dd", "", value === "" ? "–" : value));
  return list;
}

function folded(pairs) {
  const details = part("details", "");
  details.append(part("summary", "", `${pairs.length} as before`), table(pairs));
  return details;
}

function part(name, kind, text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== "") made.textContent = text;
  return made;
}
