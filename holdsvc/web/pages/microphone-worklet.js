// Turns the microphone into 8 kHz mu-law, 160 bytes (20 ms) a message. Runs on the sound thread.
//
// In: {stop: true}.   Out: Uint8Array of 160 codes.

import { PHASES, sincRows } from "/static/sinc.js";
import { compress } from "/static/ulaw.js";

const LINE_RATE = 8000;
const FRAME = 160;
const ROOM = 1 << 14; // device samples kept: far more than the weights reach back

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / LINE_RATE;
    this.taps = 2 * Math.ceil(20 * this.step); // 20 line samples to each side, whatever the device's rate
    this.rows = sincRows(this.taps, 3600 / sampleRate);
    this.ring = new Float32Array(ROOM);
    this.written = 0;
    this.read = 0;
    this.frame = new Uint8Array(FRAME);
    this.filled = 0;
    this.stopped = false;
    this.port.onmessage = ({ data }) => {
      this.stopped = Boolean(data.stop);
    };
  }

  process([[heard]]) {
    if (this.stopped) return false;
    if (heard) this.take(heard); // only channel 0: asking a device for one channel is not always obeyed
    return true;
  }

  take(heard) {
    for (const sample of heard) {
      this.ring[this.written % ROOM] = sample;
      this.written += 1;
    }
    while (Math.floor(this.read) + this.taps / 2 < this.written) this.keep(compress(this.next()));
  }

  next() {
    const base = Math.floor(this.read);
    const weights = this.rows[Math.round((this.read - base) * PHASES)];
    const first = base - (this.taps / 2 - 1) + ROOM;
    let sum = 0;
    for (let tap = 0; tap < this.taps; tap += 1) sum += weights[tap] * this.ring[(first + tap) % ROOM];
    this.read += this.step;
    return sum;
  }

  keep(code) {
    this.frame[this.filled] = code;
    this.filled += 1;
    if (this.filled < FRAME) return;
    this.port.postMessage(this.frame, [this.frame.buffer]);
    this.frame = new Uint8Array(FRAME);
    this.filled = 0;
  }
}

registerProcessor("holdsvc-microphone", Microphone);
