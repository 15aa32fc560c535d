// The phone's ear: mu-law in, sound out, and a look at what is really heard. One Speaker serves one call.

import { fromBase64 } from "/static/ulaw.js";

const WINDOW = 2048; // samples that the analyser looks at: 43-46 ms on ordinary devices

export class Speaker {
  /** Make it in the click's handler: a sound that no gesture asked for stays suspended. */
  constructor() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.analyser = new AnalyserNode(this.context, { fftSize: WINDOW, smoothingTimeConstant: 0 });
    this.wave = new Float32Array(WINDOW);
    this.bins = new Float32Array(this.analyser.frequencyBinCount);
    this.player = null;
    this.early = [];
    this.gaps = 0;
    this.dropped = 0;
  }

  /** Ready when this resolves; what arrives before is kept, in order. */
  async start() {
    await this.context.audioWorklet.addModule("/static/player-worklet.js");
    if (this.context.state === "closed") return;
    this.player = new AudioWorkletNode(this.context, "holdsvc-player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = ({ data }) => Object.assign(this, data);
    this.player.connect(this.analyser).connect(this.context.destination);
    for (const order of this.early.splice(0)) this.player.port.postMessage(order);
  }

  get suspended() {
    return this.context.state === "suspended";
  }

  resume() {
    return this.context.resume();
  }

  play(payload) {
    this.order({ play: fromBase64(payload) });
  }

  clear() {
    this.order({ clear: true });
  }

  order(what) {
    if (this.player) this.player.port.postMessage(what);
    else this.early.push(what);
  }

  /** The newest samples; the array is used again by the next look. */
  look() {
    this.analyser.getFloatTimeDomainData(this.wave);
    return this.wave;
  }

  rms() {
    const wave = this.look();
    return Math.sqrt(wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length);
  }

  /** Decibels in each bin, and how many hertz a bin is wide. */
  spectrum() {
    this.analyser.getFloatFrequencyData(this.bins);
    return { decibels: [...this.bins], binHertz: this.context.sampleRate / WINDOW };
  }

  /** Leaves no listener, port, node or device behind. */
  close() {
    this.early = [];
    if (this.player) {
      this.player.port.postMessage({ stop: true });
      this.player.port.onmessage = null;
      this.player.port.close();
      this.player.disconnect();
    }
    this.analyser.disconnect();
    if (this.context.state !== "closed") this.context.close();
  }
}
