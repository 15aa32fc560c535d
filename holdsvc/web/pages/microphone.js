// The phone's mouth: the device's microphone as 20 ms frames of mu-law, in base64.

import { toBase64 } from "/static/ulaw.js";

const WISHES = { audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } };

const REFUSALS = {
  NotAllowedError: "The browser was not allowed to use the microphone. Allow it beside the address, then switch it on again.",
  NotFoundError: "There is no microphone on this device. Type what you would say instead.",
  NotReadableError: "Another program is using the microphone. Close it there, then switch it on again.",
};

export class Microphone {
  constructor(context, spoken) {
    this.context = context;
    this.spoken = spoken;
    this.closed = false;
  }

  async start() {
    const tracks = await navigator.mediaDevices.getUserMedia(WISHES);
    this.tracks = tracks;
    if (!this.closed) await this.context.audioWorklet.addModule("/static/microphone-worklet.js");
    if (this.closed) return this.close(); // hung up while the browser asked
    this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: tracks });
    this.taker = new AudioWorkletNode(this.context, "holdsvc-microphone", { numberOfOutputs: 0 });
    this.taker.port.onmessage = ({ data }) => this.spoken(toBase64(data));
    this.source.connect(this.taker);
  }

  close() {
    this.closed = true;
    if (this.taker) {
      this.taker.port.postMessage({ stop: true });
      this.taker.port.onmessage = null;
      this.taker.port.close();
      this.source.disconnect();
      this.taker = null;
    }
    for (const track of this.tracks?.getTracks() ?? []) track.stop();
  }
}

/** One sentence for a person, whatever the browser threw. */
export function refusal(error) {
  return REFUSALS[error.name] ?? `The microphone did not start (${error.name}). Type what you would say instead.`;
}
