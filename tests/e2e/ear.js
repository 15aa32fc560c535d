// Beside whatever a page connects to its loudspeaker goes a tape. Tests only; the page does not know of it.
(() => {
  const EAR = `registerProcessor("ear", class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples) this.port.postMessage({ at: currentFrame, samples: samples.slice() });
      return true;
    }
  });`;
  const connect = AudioNode.prototype.connect;
  let tape = [];
  let arrivals = [];
  let context = null;

  window.AudioContext = class extends AudioContext {
    constructor(...options) {
      super(...options);
      [tape, context] = [[], this];
    }
  };

  AudioNode.prototype.connect = function (to, ...more) {
    if (to instanceof AudioDestinationNode) tap(this, to);
    return connect.call(this, to, ...more);
  };

  async function tap(node, loudspeaker) {
    const kept = tape;
    await node.context.audioWorklet.addModule(URL.createObjectURL(new Blob([EAR], { type: "text/javascript" })));
    const ear = new AudioWorkletNode(node.context, "ear");
    ear.port.onmessage = ({ data }) => kept.push(data);
    connect.call(connect.call(node, ear), loudspeaker); // silent: what is not connected is not run
  }

  function whole() {
    const last = tape.at(-1);
    const sound = new Int16Array(last ? last.at + last.samples.length : 0);
    for (const { at, samples } of tape) for (let i = 0; i < samples.length; i += 1) sound[at + i] = samples[i] * 32767;
    const bytes = new Uint8Array(sound.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return { rate: context.sampleRate, sound: btoa(text), arrivals };
  }

  // When sound comes in, or is taken back, and how much sound: what the line believes that the caller has heard.
  window.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      arrivals = [];
      this.addEventListener("message", ({ data }) => {
        const { event, payload } = JSON.parse(data);
        if (event !== "media" && event !== "clear") return;
        arrivals.push({ event, at: context?.currentTime ?? 0, seconds: payload ? atob(payload).length / 8000 : 0 });
      });
    }
  };

  /** Seconds on the sound card's clock at which this was clicked. */
  function click(selector) {
    const at = context.currentTime;
    document.querySelector(selector).click();
    return at;
  }

  window.ear = { whole, click, now: () => context.currentTime };
})();
