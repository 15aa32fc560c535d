// The browser phone: wires the page's parts to one call at a time. What each part does stands in its own module.

import { askForToken, isRefusal, request } from "/static/access.js";
import { Captions } from "/static/captions.js";
import { Keypad } from "/static/keypad.js";
import { Line } from "/static/line.js";
import { Microphone, refusal } from "/static/microphone.js";
import { Scope } from "/static/scope.js";
import { Speaker } from "/static/speaker.js";
import { duration } from "/static/times.js";
import { Trail } from "/static/trail.js";

const LOUD = 0.002; // RMS, -54 dB: from here on it is sound
const LOOK = 5; // milliseconds between looks for the first sound

const HINTS = {
  documents: "The carrier fetches TwiML and plays what it says.",
  stream: "One websocket carries the sound, as it happens.",
};
const ENDINGS = {
  caller: "You hung up",
  agent: "An agent took the call",
  service: "The service ended the call",
  lost: "The line was lost",
  failed: "The call could not be placed",
};

const part = (id) => document.getElementById(id);
const captions = new Captions(part("captions"));
const trail = new Trail(part("trail"));
const scope = new Scope(part("scope"));
const keypad = new Keypad(part("keypad"), press);
const display = document.querySelector(".display");

let settings = { voice: false, queues: ["support"], modes: ["documents", "stream"] };
let call = null; // {line, speaker, microphone, mode, began, answered, firstSound, timers}
let last = { firstSound: null, gaps: 0 };

/** For tests and for the curious: what is heard, measured where it is heard. */
window.holdsvcPhone = Object.freeze({
  get state() {
    return display.dataset.state;
  },
  get secondsToSound() {
    return call ? call.firstSound : last.firstSound;
  },
  get gaps() {
    return call ? call.speaker.gaps : last.gaps;
  },
  get sampleRate() {
    return call ? call.speaker.context.sampleRate : null;
  },
  rms: () => (call ? call.speaker.rms() : 0),
  spectrum: () => (call ? call.speaker.spectrum() : null),
  dominant() {
    if (!call) return null;
    const { decibels, binHertz } = call.speaker.spectrum();
    const peak = decibels.reduce((best, level, bin) => (level > decibels[best] ? bin : best), 0);
    return { hertz: peak * binHertz, decibels: decibels[peak] };
  },
});

function show(state, title, detail) {
  display.dataset.state = state;
  part("state").textContent = title;
  part("detail").textContent = detail;
  const up = call !== null;
  part("call").hidden = up;
  part("hangup").hidden = !up;
  for (const id of ["number", "queue"]) part(id).disabled = up;
  for (const radio of modes()) radio.disabled = up || !settings.modes.includes(radio.value);
  keypad.enabled = state === "held";
  part("agent").disabled = state !== "held";
  const typing = state === "held" && call.mode === "documents";
  for (const id of ["say", "say-send"]) part(id).disabled = !typing;
  part("microphone").disabled = !(settings.voice && state === "held");
  part("mouth-hint").textContent = mouthHint();
}

function mouthHint() {
  if (!settings.voice) return "The microphone is off: this service runs without a recogniser. Documents take typed words instead.";
  if (call?.mode === "stream") return "On a stream the service listens to the microphone itself; typed words belong to documents.";
  return "Typed words reach the service as a speech result.";
}

function modes() {
  return [...document.querySelectorAll("input[name=mode]")];
}

function chosenMode() {
  return modes().find((radio) => radio.checked).value;
}

function notice(text) {
  part("notice").textContent = text;
  part("notice").hidden = !text;
}

function dial() {
  const from = part("number").value.trim();
  finished?.close();
  notice("");
  captions.forget();
  trail.forget();
  const mode = chosenMode();
  const speaker = new Speaker();
  call = { mode, speaker, began: performance.now(), answered: null, firstSound: null, microphone: null };
  call.line = new Line(hear, lost);
  call.line.send("call", { from, mode, queue: part("queue").value });
  call.looking = setInterval(lookForSound, LOOK);
  call.ticking = setInterval(tick, 250);
  speaker.start().catch((error) => fail(speaker, `The sound did not start (${error.name}).`));
  scope.start(() => speaker.rms(), showLevel);
  show("dialling", "Calling…", `${from} to ${part("queue").value}`);
  part("wait").textContent = "0:00";
  part("hangup").focus();
}

function lookForSound() {
  if (call.speaker.rms() < LOUD) return;
  call.firstSound = (performance.now() - call.began) / 1000;
  clearInterval(call.looking);
}

function tick() {
  if (call.answered !== null) part("wait").textContent = duration((performance.now() - call.answered) / 1000);
  if (call.speaker.suspended && performance.now() - call.began > 500) {
    notice("The browser holds the sound back until you click somewhere on this page.");
  }
}

/** A message may come after the hang-up; sound and state are then no longer of interest, webhooks still are. */
function hear(message) {
  if (message.event === "hook") return trail.add(message);
  if (message.event === "caption") return captions.add("service", message.text);
  if (message.event === "understood") return captions.understood(message);
  if (message.event === "ended") return ended(message);
  return call && HEARD[message.event]?.(message);
}

const HEARD = {
  ringing: () => show("ringing", "Ringing…", part("detail").textContent),
  answered() {
    call.answered = performance.now();
    show("held", "On hold", "Press keys at any moment, also while a voice is speaking.");
  },
  media: ({ payload }) => call.speaker.play(payload),
  clear: () => call.speaker.clear(),
  error: ({ reason }) => notice(`The exchange did not understand this page: ${reason}.`),
};

let finished = null; // the line of the call before, while its last webhooks come in

function press(digit) {
  call.line.send("dtmf", { digit });
  scope.mark(digit);
  captions.add("caller", `pressed ${digit}`);
}

function hangUp(reason = "caller") {
  if (!call) return;
  call.line.send("hangup");
  release(reason);
}

function ended({ reason }) {
  if (call) release(reason);
}

function lost(wasOpen) {
  if (!call) return;
  release(wasOpen ? "lost" : "failed");
  const what = wasOpen ? "The line to the service was lost." : "The service did not open a line.";
  notice(`${what} It may be busy or no longer running. Press Call to try again.`);
}

function fail(speaker, sentence) {
  if (call?.speaker !== speaker) return; // hung up before the sound was ready
  hangUp("failed");
  notice(sentence);
}

/** Everything that a call opened is closed here; only its line listens on for the last webhooks. */
function release(reason) {
  const { line, speaker, microphone, answered, firstSound } = call;
  clearInterval(call.looking);
  clearInterval(call.ticking);
  tick();
  scope.stop();
  microphone?.close();
  last = { firstSound, gaps: speaker.gaps };
  speaker.close();
  call = null;
  finished = line;
  line.end();
  part("microphone").checked = false;
  part("say").value = "";
  showLevel(-Infinity);
  const lasted = answered === null ? " before it was answered" : `; the call lasted ${duration((performance.now() - answered) / 1000)}`;
  const ending = `${ENDINGS[reason] ?? reason}${reason === "failed" ? "" : lasted}`;
  captions.add("line", ending);
  show("ended", "Call ended", `${ending}.`);
}

function showLevel(level) {
  part("level-bar").value = Math.max(-60, level);
  part("level-text").textContent = level < -60 ? "silent" : `${Math.round(level)} dB`.replace("-", "−");
}

function say(event) {
  event.preventDefault();
  const text = part("say").value.trim();
  if (!text) return;
  call.line.send("say", { text });
  captions.add("caller", `“${text}”`);
  part("say").value = "";
}

async function switchMicrophone({ target }) {
  const current = call;
  current.microphone?.close();
  current.microphone = null;
  if (!target.checked) return;
  const microphone = new Microphone(current.speaker.context, (payload) => current.line.send("media", { payload }));
  current.microphone = microphone;
  try {
    await microphone.start();
  } catch (error) {
    microphone.close();
    target.checked = false;
    notice(refusal(error));
  }
}

async function learn() {
  const reply = await request("/phone/settings");
  if (isRefusal(reply)) {
    await askForToken(part("token-form"));
    return learn();
  }
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  settings = { ...settings, ...(await reply.json()) };
  part("queue").replaceChildren(...settings.queues.map((name) => new Option(name)));
  if (settings.queues.includes("support")) part("queue").value = "support"; // "default" is for names not configured
  for (const radio of modes()) radio.checked = radio.value === settings.modes[0];
  part("mode-hint").textContent = HINTS[settings.modes[0]];
  show("idle", "Ready", "Press Call. You will be put on hold.");
  part("call").disabled = false;
}

function wire() {
  part("call").onclick = dial;
  part("hangup").onclick = () => hangUp();
  part("agent").onclick = () => {
    call.line.send("agent");
    part("agent").disabled = true;
    captions.add("line", "An agent answers");
  };
  part("say-form").onsubmit = say;
  part("microphone").onchange = switchMicrophone;
  for (const radio of modes()) radio.onchange = () => (part("mode-hint").textContent = HINTS[radio.value]);
  document.addEventListener("pointerdown", () => {
    if (call?.speaker.suspended) call.speaker.resume().then(() => notice(""));
  });
  addEventListener("pagehide", () => hangUp());
}

async function open() {
  wire();
  show("idle", "Not ready", "");
  if (!isSecureContext) {
    notice("A browser gives a page sound and microphone only on this machine or by https: open it as http://localhost or by https.");
    return;
  }
  try {
    await learn();
  } catch (error) {
    notice(`The phone could not learn its settings from the service (${error.message}). Reload the page when it is running.`);
  }
}

open();
