/* A phone platform's end of many media streams, on one core: it talks, plays out what it hears, and judges it.
 *
 *   client PORT SEED KEYS_EVERY [lines]                             `lines`: AudioSocket, see lines.h; else websockets
 *
 * On stdin, a line each:   CALL path host signature callSid token   one more stream, opened at once
 *                          BEGIN / END                              the window in which is judged
 *                          QUIT                                     hang up and go
 * On stdout, a line each:  {"kind":"told",...} every second, {"kind":"result",...} after END.
 *
 * Each stream sends 50 messages of caller audio a second, each at its own moment and with its own send; it plays what
 * comes at real time, echoes marks when they were played, empties its buffer at `clear`, and presses keys. Digits 1 to 3
 * stand for the tones below; what is heard is taken from every 20 ms of sound. A client that was late itself says so.
 */
#define _GNU_SOURCE
#include "lines.h"
#include "telling.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- what we send ------------------------------------------------------------------------------------------------ */

static void hang_up(stream *s, uint64_t *why) {
  if (s->state == GONE) return;
  if (s->state == TALKING) alive--;
  close(s->fd);
  s->state = GONE;
  (*why)++;
}

static void keep(uint8_t **buffer, int *length, int *room, const uint8_t *more, int count) {
  if (*length + count > *room) {
    *room = 2 * (*length + count);
    if (!(*buffer = realloc(*buffer, (size_t)*room))) fail("realloc");
  }
  memcpy(*buffer + *length, more, (size_t)count);
  *length += count;
}

/* What the network does not take at once is kept, so that no frame is ever cut. */
static void put(stream *s, const uint8_t *bytes, int count) {
  if (s->state == GONE) return;
  if (s->out_length) {
    keep(&s->out, &s->out_length, &s->out_room, bytes, count);
    return;
  }
  ssize_t taken = send(s->fd, bytes, (size_t)count, MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) {
    hang_up(s, &lost);
    return;
  }
  if (taken < count) keep(&s->out, &s->out_length, &s->out_room, bytes + (taken > 0 ? taken : 0), count - (int)(taken > 0 ? taken : 0));
}

static void flush(stream *s) {
  ssize_t taken = send(s->fd, s->out, (size_t)s->out_length, MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) hang_up(s, &lost);
  if (taken <= 0) return;
  memmove(s->out, s->out + taken, (size_t)(s->out_length - taken));
  s->out_length -= (int)taken;
}

static void put_frame(stream *s, int opcode, const char *text, int length) {
  uint8_t frame[2048];
  int at = 0;
  frame[at++] = (uint8_t)(0x80 | opcode);
  if (length < 126) frame[at++] = (uint8_t)(0x80 | length);
  else frame[at++] = 0x80 | 126, frame[at++] = (uint8_t)(length >> 8), frame[at++] = (uint8_t)length;
  uint64_t key = draw() & 0xffffffffu;
  memcpy(frame + at, &key, 4);
  at += 4, key |= key << 32;
  for (int i = 0; i < length; i += 8) { /* the last step may write behind the end, never behind the buffer */
    uint64_t eight = 0;
    memcpy(&eight, text + i, length - i >= 8 ? 8 : (size_t)(length - i));
    eight ^= key;
    memcpy(frame + at + i, &eight, 8);
  }
  put(s, frame, at + length);
}

static void say(stream *s) {
  char text[512];
  s->chunk++;
  if (lines) {
    put(s, spoken[(s->chunk + (unsigned)s->number) % 50], HEAD + WHOLE);
    return;
  }
  unsigned passed = (unsigned)((s->next - s->started) / MS);
  int length = snprintf(text, sizeof text,
      "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"media\":{\"track\":\"inbound\",\"chunk\":\"%u\",\"timestamp\":\"%u\","
      "\"payload\":\"%s\"},\"streamSid\":\"%s\"}", ++s->sequence, s->chunk, passed, voice[(s->chunk + (unsigned)s->number) % 50], s->sid);
  put_frame(s, 1, text, length);
}

static void introduce(stream *s) {
  static const char connected[] = "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}";
  char text[1024];
  put_frame(s, 1, connected, sizeof connected - 1);
  int length = snprintf(text, sizeof text,
      "{\"event\":\"start\",\"sequenceNumber\":\"%u\",\"start\":{\"accountSid\":\"AC%032d\",\"streamSid\":\"%s\",\"callSid\":\"%s\","
      "\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
      "\"customParameters\":{\"token\":\"%s\"}},\"streamSid\":\"%s\"}", ++s->sequence, 0, s->sid, s->call, s->token, s->sid);
  put_frame(s, 1, text, length);
}

static void start(stream *s, moment now) {
  uint8_t name[HEAD + 16];
  if (lines) put(s, name, name_frame(s->token, name));
  else introduce(s);
  s->state = TALKING, s->started = now, alive++, opened++;
  s->next = (now / (SLOTS * MS) + 1) * SLOTS * MS + (moment)(s->number % SLOTS) * MS; /* its slot of the wheel */
  s->next_key = now + (moment)(share() * keys_every * SECOND);
}

static void echo_marks(stream *s, moment now, int all) {
  while (s->marks_pending && (all || s->marks[s->first_mark].at <= now)) {
    char text[256];
    int length = snprintf(text, sizeof text, "{\"event\":\"mark\",\"sequenceNumber\":\"%u\",\"streamSid\":\"%s\",\"mark\":{\"name\":\"%s\"}}",
                          ++s->sequence, s->sid, s->marks[s->first_mark].name);
    s->first_mark = (s->first_mark + 1) % PENDING, s->marks_pending--;
    if (judging) window.marks_echoed++;
    put_frame(s, 1, text, length);
  }
}

static void press(stream *s, moment now) {
  s->next_key = now + (moment)((0.5 + share()) * keys_every * SECOND);
  if (!s->begun || s->wanted >= 0) return;
  char text[256];
  int tone = (s->tone + 1 + (int)(draw() % (TONES - 1))) % TONES;
  s->wanted = tone, s->pressed = now;
  if (judging) window.keys++;
  if (lines) {
    uint8_t key[] = {KEY, 0, 1, (uint8_t)('1' + tone)};
    put(s, key, sizeof key);
    return;
  }
  int length = snprintf(text, sizeof text, "{\"event\":\"dtmf\",\"streamSid\":\"%s\",\"sequenceNumber\":\"%u\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"%d\"}}",
                        s->sid, ++s->sequence, tone + 1);
  put_frame(s, 1, text, length);
}

/* --- what comes -------------------------------------------------------------------------------------------------- */

/* The text behind "name": and its opening quote, up to the closing one. */
static const uint8_t *text_of(const uint8_t *in, int length, const char *name, int *found) {
  size_t size = strlen(name);
  const uint8_t *at = memmem(in, (size_t)length, name, size), *end = in + length;
  if (!at) return NULL;
  for (at += size; at < end && (*at == ' ' || *at == ':'); at++) {}
  if (at >= end || *at != '"') return NULL;
  const uint8_t *close = memchr(at + 1, '"', (size_t)(end - at - 1));
  if (!close) return NULL;
  *found = (int)(close - at - 1);
  return at + 1;
}

static void take(stream *s, const uint8_t *text, int length, moment now) {
  static uint8_t sound[READ];
  int size, count;
  const uint8_t *event = text_of(text, length, "\"event\"", &size), *value;
  if (event && size == 5 && !memcmp(event, "media", 5)) {
    if (!(value = text_of(text, length, "\"payload\"", &size)) || (count = from_base64(value, size, sound)) < 0) broken++;
    else play(s, sound, count, now);
  } else if (event && size == 4 && !memcmp(event, "mark", 4)) {
    value = text_of(text, length, "\"name\"", &size);
    if (!value || size >= LONGEST_NAME || s->marks_pending == PENDING) {
      broken++;
      return;
    }
    mark *m = &s->marks[(s->first_mark + s->marks_pending++) % PENDING];
    m->at = s->dry_at;
    memcpy(m->name, value, (size_t)size), m->name[size] = 0;
    if (judging) window.marks++;
  } else if (event && size == 5 && !memcmp(event, "clear", 5)) {
    if (judging) window.clears++;
    if (s->begun && !s->cleared && s->dry_at > now) s->dry_at = now;
    if (s->begun) s->cleared = 1;
    echo_marks(s, now, 1);
  } else broken++;
}

/* Bytes used: whole frames only. */
static int take_frames(stream *s, const uint8_t *in, int length, moment now) {
  int at = 0;
  while (s->state == TALKING && length - at >= 2) {
    int head = 2, opcode = in[at] & 15;
    uint64_t size = in[at + 1] & 127;
    if (size == 126) {
      if (length - at < 4) break;
      size = (uint64_t)in[at + 2] << 8 | in[at + 3], head = 4;
    } else if (size == 127) {
      if (length - at < 10) break;
      size = 0, head = 10;
      for (int i = 2; i < 10; i++) size = size << 8 | in[at + i];
    }
    if (size > READ / 2 || in[at + 1] & 0x80 || !(in[at] & 0x80)) {
      broken++, hang_up(s, &lost);
      return length;
    }
    if ((uint64_t)(length - at - head) < size) break;
    const uint8_t *body = in + at + head;
    if (opcode == 1 || opcode == 2) take(s, body, (int)size, now);
    else if (opcode == 9) put_frame(s, 10, (const char *)body, (int)(size > 125 ? 125 : size));
    else if (opcode == 8) hang_up(s, &lost);
    at += head + (int)size;
  }
  return at;
}

static int take_line(stream *s, const uint8_t *in, int length, moment now) {
  int at = 0;
  while (s->state == TALKING && at < length) {
    uint8_t sound[FRAME];
    int size = length - at < HEAD ? HEAD : HEAD + (in[at + 1] << 8 | in[at + 2]);
    int whole = size <= length - at;
    if (whole && sound_of(in + at, size, sound)) play(s, sound, FRAME, now);
    else {
      if (!whole || in[at] != FAREWELL) broken++;
      hang_up(s, &lost);
    }
    at += size;
  }
  return length;
}

static int take_answer(stream *s, const uint8_t *in, int length, moment now) {
  const uint8_t *end = memmem(in, (size_t)length, "\r\n\r\n", 4);
  if (!end) return 0;
  last_status = length > 12 ? atoi((const char *)in + 9) : 0;
  if (last_status != 101) {
    hang_up(s, &refused);
    return length;
  }
  start(s, now);
  return (int)(end - in) + 4;
}

static void receive(stream *s) {
  static uint8_t in[READ];
  while (s->state != GONE) {
    int kept = s->rest_length;
    if (kept) memcpy(in, s->rest, (size_t)kept);
    ssize_t count = recv(s->fd, in + kept, sizeof in - (size_t)kept, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
      hang_up(s, s->state == DIALLING ? &refused : &lost);
      return;
    }
    if (count < 0) return;
    moment now = now_ns();
    int length = kept + (int)count, used = 0;
    if (s->state == DIALLING) used = take_answer(s, in, length, now);
    if (s->state == TALKING && lines) used = take_line(s, in, length, now);
    else if (s->state == TALKING) used += take_frames(s, in + used, length - used, now);
    s->rest_length = 0;
    if (used < length && s->state != GONE) keep(&s->rest, &s->rest_length, &s->rest_room, in + used, length - used);
    if ((size_t)count < sizeof in - (size_t)kept) return;
  }
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

static void dial(stream *s) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int yes = 1;
  if ((s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) fail("socket");
  if (connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4); /* over loopback the server pays for what we reckon at each of its packets */
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = s};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) < 0) fail("epoll_ctl");
  s->dialled = now_ns();
  if (lines) {
    start(s, s->dialled);
    return;
  }
  char text[1024];
  int length = snprintf(text, sizeof text,
      "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Twilio-Signature: %s\r\nUser-Agent: Twilio.TmeWs/1.0\r\n\r\n",
      s->path, s->host, s->signature);
  put(s, (uint8_t *)text, length);
}

static void place(const char *line) {
  stream *s = calloc(1, sizeof *s);
  if (!s || placed == MOST_STREAMS || !(s->marks = calloc(PENDING, sizeof *s->marks))) fail("a stream");
  if (sscanf(line, "%159s %79s %47s %47s %79s", s->path, s->host, s->signature, s->call, s->token) != 5) {
    fprintf(stderr, "what call is this? %s\n", line);
    exit(1);
  }
  s->number = placed, s->wanted = -1, s->leaving = UNCLEAR;
  snprintf(s->sid, sizeof s->sid, "MZ%032x", placed + 1);
  streams[placed++] = s;
  dial(s);
}

/* One slot of the wheel: each stream in it says its 20 ms, more than once if we were late. */
static void speak(int slot, moment now) {
  for (int i = slot; i < placed; i += SLOTS) {
    stream *s = streams[i];
    if (s->state != TALKING) continue;
    while (s->next <= now && s->state == TALKING) {
      if (judging) add(&window.own, now - s->next);
      if (s->out_length) flush(s);
      if (!s->out_length) say(s);
      else if (judging) window.blocked++;
      s->next += SLOTS * MS;
    }
    if (keys_every > 0 && now >= s->next_key) press(s, now);
    if (s->wanted >= 0 && now - s->pressed > DEAF) {
      if (judging && s->pressed >= window.began) window.keys_missed++;
      s->wanted = -1;
    }
    if (s->marks_pending) echo_marks(s, now, 0);
  }
}

/* --- what the driver says ---------------------------------------------------------------------------------------- */

static void begin(moment now) {
  memset(&window, 0, sizeof window);
  window.began = now, judging = 1;
}

static void obey(const char *line) {
  if (!strncmp(line, "CALL ", 5)) place(line + 5);
  else if (!strcmp(line, "BEGIN")) begin(now_ns());
  else if (!strcmp(line, "END")) end(now_ns());
  else if (!strcmp(line, "QUIT")) exit(0);
}

static void listen_to_driver(void) {
  static char text[1 << 16];
  static size_t length;
  ssize_t count = read(0, text + length, sizeof text - 1 - length);
  if (count == 0) exit(0);
  if (count < 0) return;
  length += (size_t)count, text[length] = 0;
  char *line = text, *close;
  while ((close = strchr(line, '\n'))) {
    *close = 0;
    obey(line);
    line = close + 1;
  }
  length -= (size_t)(line - text);
  memmove(text, line, length);
}

static void run(void) {
  struct epoll_event events[256];
  moment tick = now_ns() / MS, told = now_ns();
  for (;;) {
    moment now = now_ns();
    for (; tick <= now / MS; tick++) speak((int)(tick % SLOTS), now);
    if (now - told >= SECOND) told += SECOND, tell_progress();
    now = now_ns();
    moment rest = tick * MS > now ? tick * MS - now : 0;
    struct timespec wait = {0, (long)rest};
    if (lines) { /* what comes is looked at every millisecond: to be woken by each frame would be the server's CPU */
      nanosleep(&wait, NULL);
      wait.tv_nsec = 0;
    }
    int count = epoll_pwait2(epoll, events, 256, &wait, NULL);
    for (int i = 0; i < count; i++) {
      if (!events[i].data.ptr) {
        listen_to_driver();
        continue;
      }
      stream *s = events[i].data.ptr;
      if (s->state != GONE) receive(s);
    }
  }
}

int main(int count, char **words) {
  if (count < 4 || count > 5) {
    fprintf(stderr, "usage: client PORT SEED KEYS_EVERY [lines]\n");
    return 2;
  }
  port = atoi(words[1]), chance = 88172645463325252ull ^ (strtoull(words[2], NULL, 10) * 2654435761u), keys_every = atof(words[3]);
  make_tables(), make_waves();
  if (count == 5) lines = 1, cushion = 60 * MS, make_lines();
  for (int i = 0; i < 50; i++) {
    uint8_t noise[FRAME];
    for (int j = 0; j < FRAME; j++) noise[j] = (uint8_t)(draw() % 24 + 0x68) | (draw() & 1 ? 0x80 : 0);
    voice[i][to_base64(noise, FRAME, voice[i])] = 0;
  }
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event driver = {.events = EPOLLIN, .data.ptr = NULL};
  fcntl(0, F_SETFL, O_NONBLOCK);
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &driver) < 0) fail("epoll");
  run();
}
