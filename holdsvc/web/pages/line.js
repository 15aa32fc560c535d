// The wire between this page and the exchange: JSON text on one websocket, one socket a call.
//
// page -> line: call, dtmf, say, media, hangup, agent.
// line -> page: ringing, answered, media, clear, caption, understood, hook, ended.

import { token } from "/static/access.js";

const LINGER = 1500; // milliseconds after the end: the last webhooks still come in

export class Line {
  /** `heard` gets each message; `lost(wasOpen)` is called once if the socket goes before the call has ended. */
  constructor(heard, lost) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/phone/line`, protocols());
    this.waiting = [];
    this.ended = false;
    let wasOpen = false;
    this.socket.onopen = () => {
      wasOpen = true;
      this.waiting.splice(0).forEach((text) => this.socket.send(text));
    };
    this.socket.onclose = () => {
      const sudden = !this.ended;
      this.close();
      if (sudden) lost(wasOpen);
    };
    this.socket.onmessage = ({ data }) => heard(JSON.parse(data));
  }

  send(event, fields = {}) {
    const text = JSON.stringify({ event, ...fields });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(text);
  }

  /** The call is over; listen a moment longer for what the exchange still reports. */
  end() {
    if (this.ended) return;
    this.ended = true;
    this.timer = setTimeout(() => this.close(), LINGER);
  }

  close() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket.onopen = this.socket.onclose = this.socket.onmessage = null;
    this.socket.close();
  }
}

/** A browser cannot set headers on a websocket, so that the token travels as an offered subprotocol. */
function protocols() {
  if (!token()) return [];
  const letters = btoa(token()).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return ["holdsvc.phone", `bearer.${letters}`];
}
