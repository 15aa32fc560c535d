// The call in words: what the service says or plays on the left, what the caller did on the right.

import { duration } from "/static/times.js";

const KEPT = 200; // lines; older ones leave the page

export class Captions {
  constructor(list) {
    this.list = list;
    this.forget();
  }

  forget() {
    this.list.replaceChildren();
    this.began = performance.now();
  }

  /** `who` is "service", "caller" or "line"; the text of others is never read as markup. */
  add(who, text) {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 24;
    const line = document.createElement("div");
    line.className = `caption ${who}`;
    const words = document.createElement("p");
    words.textContent = text;
    const time = document.createElement("time");
    time.textContent = duration((performance.now() - this.began) / 1000);
    line.append(words, time);
    this.list.append(line);
    if (this.list.children.length > KEPT) this.list.firstElementChild.remove();
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }
}
