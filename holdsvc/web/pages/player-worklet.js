// Plays 8 kHz mu-law at the device's rate. Runs on the sound thread: it waits for nothing and allocates nothing.
//
// In:  {play: Uint8Array}, {clear: true}, {stop: true}.   Out: {gaps, dropped} whenever one of them has grown.

import { PHASES, sincRows } from "/static/sinc.js";
import { LINEAR } from "/static/ulaw.js";

const LINE_RATE = 8000;
const ROOM = 1 << 19; // samples: 65 s of sound ahead; what does not fit is dropped and counted
const TAPS = 32;
const BEFORE = TAPS / 2 - 1;
const ROWS = sincRows(TAPS, 0.47);
const HEAD_START = 320; // samples: after silence, 40 ms ride out a late message
const PATIENCE = 0.06; // seconds: a sound shorter than the head start is played after this
const FADE = 40; // samples: 5 ms, so that a clear does not click

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(ROOM);
    this.step = LINE_RATE / sampleRate;
    this.read = 0; // position in line samples, with its fraction
    this.written = 0;
    this.playing = false;
    this.since = 0;
    this.cleared = true;
    this.gaps = 0;
    this.dropped = 0;
    this.stopped = false;
    this.port.onmessage = ({ data }) => this.obey(data);
  }

  obey(order) {
    if (order.play) this.append(order.play);
    if (order.clear) this.clear();
    if (order.stop) this.stopped = true;
  }

  append(codes) {
    const room = ROOM - 2 * TAPS - (this.written - Math.floor(this.read));
    const count = Math.min(codes.length, room);
    if (this.written <= this.read) this.since = currentTime;
    for (let index = 0; index < count; index += 1) this.ring[(this.written + index) % ROOM] = LINEAR[codes[index]];
    this.finish(this.written + count);
    this.cleared = false;
    if (count < codes.length) {
      this.dropped += codes.length - count;
      this.tell();
    }
  }

  /** Forget what is still to come, but for a short fade. */
  clear() {
    const start = Math.ceil(this.read);
    const left = Math.max(0, Math.min(FADE, this.written - start));
    for (let index = 0; index < left; index += 1) this.ring[(start + index) % ROOM] *= 1 - index / FADE;
    this.finish(start + left);
    this.cleared = true;
  }

  /** The sound ends here for now, and the weights that reach beyond find silence. */
  finish(end) {
    this.written = end;
    for (let index = 0; index < TAPS; index += 1) this.ring[(end + index) % ROOM] = 0;
  }

  process(_, outputs) {
    const heard = outputs[0][0];
    for (let index = 0; index < heard.length; index += 1) heard[index] = this.ready() ? this.next() : 0;
    return !this.stopped;
  }

  ready() {
    const ahead = this.written - this.read;
    if (this.playing && ahead <= 0) this.starve();
    else if (!this.playing && ahead > 0) this.playing = ahead >= HEAD_START || currentTime - this.since > PATIENCE;
    return this.playing;
  }

  starve() {
    this.playing = false;
    this.read = this.written;
    if (this.cleared) return;
    this.gaps += 1;
    this.tell();
  }

  next() {
    const base = Math.floor(this.read);
    const weights = ROWS[Math.round((this.read - base) * PHASES)];
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap += 1) sum += weights[tap] * this.ring[(base + tap - BEFORE + ROOM) % ROOM];
    this.read += this.step;
    return sum;
  }

  tell() {
    this.port.postMessage({ gaps: this.gaps, dropped: this.dropped });
  }
}

registerProcessor("holdsvc-player", Player);
