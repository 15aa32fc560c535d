// Where the wall's figures come from: the event stream, and polling whenever the stream is silent or refused.
//
// The stream is read with fetch, because an EventSource cannot carry the token and gives up for ever on a refusal.

import { isRefusal, request } from "/static/access.js";

const SILENCE = 2000; // milliseconds that an open stream may be silent before we ask beside it
const EVERY = 900; // milliseconds between polls while there is no stream
const PATIENCE = 2000; // milliseconds an answer may take
const DEAD = 3000; // milliseconds without a byte after which an open stream is taken for dead
const LOOK = 250;
const TRY_STREAM = 10000; // milliseconds between attempts to open the stream

class Refused extends Error {}

/** Calls `news(board)` for each figure, about once a second while the service answers; stops at `refused()`. */
export class Feed {
  constructor(news, refused) {
    this.news = news;
    this.refused = refused;
    this.heardAt = -Infinity;
    this.askedAt = -Infinity;
    this.triedAt = -Infinity;
    this.stream = null;
    this.asking = false;
    this.stopped = false;
    this.stamp = "";
  }

  start() {
    this.timer = setInterval(() => this.look(), LOOK);
    this.look();
  }

  stop() {
    this.stopped = true;
    clearInterval(this.timer);
    this.stream?.abort();
  }

  look() {
    const now = performance.now();
    const silent = now - this.heardAt > (this.stream ? SILENCE : EVERY);
    if (silent && !this.asking && now - this.askedAt > EVERY) this.ask();
    if (!this.stream && now - this.triedAt > TRY_STREAM) this.listen();
  }

  /** The same figures again are no sign of life: a cache or a stuck service may be repeating them. */
  take(text) {
    const board = JSON.parse(text);
    if (this.stopped || board.at === this.stamp) return;
    this.stamp = board.at;
    this.heardAt = performance.now();
    this.news(board);
  }

  async ask() {
    this.asking = true;
    this.askedAt = performance.now();
    try {
      const reply = await request("/api/v1/wall", { signal: AbortSignal.timeout(PATIENCE) });
      this.check(reply);
      this.take(await reply.text());
    } catch (error) {
      this.explain(error);
    } finally {
      this.asking = false;
    }
  }

  async listen() {
    this.triedAt = performance.now();
    const stream = new AbortController();
    this.stream = stream;
    try {
      const reply = await request("/api/v1/events", { signal: stream.signal, headers: { Accept: "text/event-stream" } });
      this.check(reply);
      await this.read(reply.body.pipeThrough(new TextDecoderStream()).getReader(), stream);
    } catch (error) {
      this.explain(error);
    } finally {
      stream.abort();
      if (this.stream === stream) this.stream = null;
    }
  }

  /** A connection can be dead without either side knowing. */
  async read(reader, stream) {
    let text = "";
    for (;;) {
      const alarm = setTimeout(() => stream.abort(), DEAD);
      const { value, done } = await reader.read().finally(() => clearTimeout(alarm));
      if (done) return;
      const events = (text + value).replaceAll("\r\n", "\n").split("\n\n");
      text = events.pop();
      events.forEach((event) => this.event(event));
    }
  }

  event(text) {
    const lines = text.split("\n");
    if (!lines.some((line) => /^event: ?wall$/.test(line))) return;
    const values = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
    this.take(values.join("\n"));
  }

  check(reply) {
    if (isRefusal(reply)) throw new Refused();
    if (!reply.ok) throw new TypeError(`status ${reply.status}`);
  }

  /** A service that is away is the ordinary case, seen by the age of the figures; only a refusal needs a person. */
  explain(error) {
    if (this.stopped) return;
    if (error instanceof Refused) {
      this.stop();
      this.refused();
    } else if (!["TypeError", "AbortError", "TimeoutError", "SyntaxError"].includes(error.name)) throw error;
  }
}
