// The call in words: what the service says or plays on the left, what the caller did on the right.

import { duration } from "/static/times.js";

const KEPT = 200; // lines; older ones leave the page

const RESULTS = {
  sure: (choice) => `said “${choice}”`,
  near: (choice) => `perhaps said “${choice}”`,
  none: () => "said something that is no choice",
};
const UNHEARD = {
  late: "The recogniser took too long; keys work",
  busy: "Too many speak at once; keys work",
  absent: "There is no recogniser for this language; keys work",
  broken: "The recogniser fell; keys work",
};

export class Captions {
  constructor(list) {
    this.list = list;
    this.forget();
  }

  forget() {
    this.list.replaceChildren();
    this.began = performance.now();
  }

  /** What the caller's words were understood as, with the recogniser's score. Neither words nor sound come here. */
  understood({ result, choice, score, runner_up: runnerUp }) {
    if (!(result in RESULTS)) return this.add("line", UNHEARD[result] ?? result);
    const line = this.add("caller", RESULTS[result](plain(choice)));
    line.dataset.result = result;
    const figure = document.createElement("span");
    figure.className = "score";
    const beside = runnerUp ? `, next to “${plain(runnerUp)}”` : "";
    figure.textContent = `${result} ${score.toFixed(2).replace("-", "−")}${beside}`;
    line.querySelector("p").append(figure);
    return line;
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
    return line;
  }
}

/** An entry of the menu as a person says it: "music:jazz" is jazz. */
function plain(choice) {
  return choice.replace(/^.*:/, "").replaceAll(/[-_]/g, " ");
}
