// Twelve keys, by finger and by keyboard.

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", "+"], ["#", ""],
];
const NAMES = { "*": "star", "#": "hash" };
const SHOWN = 140; // milliseconds that a key typed on the keyboard looks pressed

export class Keypad {
  constructor(box, pressed) {
    this.box = box;
    this.pressed = pressed;
    this.box.append(...KEYS.map(([digit, letters]) => key(digit, letters)));
    this.enabled = false;
    box.addEventListener("click", (event) => this.press(event.target.closest("button")?.dataset.digit));
    document.addEventListener("keydown", (event) => this.typed(event));
  }

  set enabled(on) {
    for (const button of this.box.children) button.disabled = !on;
  }

  typed(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea")) return;
    const button = [...this.box.children].find(({ dataset }) => dataset.digit === event.key);
    if (!button || button.disabled) return;
    button.classList.add("down");
    setTimeout(() => button.classList.remove("down"), SHOWN);
    this.press(event.key);
  }

  press(digit) {
    if (digit) this.pressed(digit);
  }
}

function key(digit, letters) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.digit = digit;
  const sign = part("span", "", digit === "*" ? "∗" : digit);
  const small = part("small", "", letters);
  sign.ariaHidden = small.ariaHidden = "true";
  button.append(part("span", "unseen", NAMES[digit] ?? digit), sign, small);
  return button;
}

function part(name, kind, text) {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}
