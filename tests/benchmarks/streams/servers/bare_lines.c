/* The floor over AudioSocket: epoll and nothing else, a send for each frame. No journal, no statistics, no choice logic.
 *
 *   bare_lines PORT TONE...     mu-law files for the keys 1, 2, ...; they are made linear once
 *
 * Of what comes only heads are read, and the kernel wakes us for every 2 kB of it (SO_RCVLOWAT), so that a key waits for up to 120 ms.
 */
#define _GNU_SOURCE
#include "../common.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD 3
#define WHOLE (HEAD + 2 * FRAME)
#define SLOTS 5 /* of 4 ms: the sends of all are spread over 20 ms */
#define LOW_WATER 2048
#define SEND_BUFFER (32 * 1024)

enum { KEY = 0x03, SOUND = 0x10 };

typedef struct {
  int number;
  uint8_t (*frame)[WHOLE];
} content;

typedef struct caller {
  int fd, slot, place;
  const content *plays;
  int at, rest_length;
  uint8_t rest[WHOLE];
} caller;

static content contents[8];
static caller **slots[SLOTS];
static int in_slot[SLOTS], room_in[SLOTS], next_slot, epoll;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void load(content *to, const char *name) {
  FILE *file = fopen(name, "rb");
  uint8_t sound[FRAME];
  if (!file) fail(name);
  while (fread(sound, 1, FRAME, file) == FRAME) {
    if (!(to->frame = realloc(to->frame, (size_t)(to->number + 1) * sizeof *to->frame))) fail("realloc");
    uint8_t *frame = to->frame[to->number++];
    frame[0] = SOUND, frame[1] = 2 * FRAME >> 8, frame[2] = 2 * FRAME & 255;
    for (int i = 0; i < FRAME; i++) {
      int16_t sample = (int16_t)(linear_of[sound[i]] * 32768.0f);
      frame[HEAD + 2 * i] = (uint8_t)sample, frame[HEAD + 2 * i + 1] = (uint8_t)(sample >> 8);
    }
  }
  fclose(file);
}

/* What the network does not take is lost: this server is only asked to carry what it can carry. */
static void send_frame(caller *c) {
  if (send(c->fd, c->plays->frame[c->at], WHOLE, MSG_NOSIGNAL) != WHOLE) fprintf(stderr, "bare: a frame was not taken\n");
  c->at = (c->at + 1) % c->plays->number;
}

static void into_slot(caller *c) {
  int slot = 0;
  for (int i = 1; i < SLOTS; i++)
    if (in_slot[i] < in_slot[slot]) slot = i;
  if (in_slot[slot] == room_in[slot]) {
    room_in[slot] = 2 * room_in[slot] + 8;
    if (!(slots[slot] = realloc(slots[slot], (size_t)room_in[slot] * sizeof *slots[slot]))) fail("realloc");
  }
  c->slot = slot, c->place = in_slot[slot];
  slots[slot][in_slot[slot]++] = c;
}

static void leave(caller *c) {
  caller *last = slots[c->slot][--in_slot[c->slot]];
  slots[c->slot][c->place] = last, last->place = c->place;
  close(c->fd);
  free(c);
}

static void take(caller *c, const uint8_t *frame) {
  int key = frame[HEAD] - '1';
  if (frame[0] == KEY && key >= 0 && key < 8 && contents[key].number) c->plays = &contents[key], c->at = 0;
}

static void receive(caller *c) {
  static uint8_t in[1 << 17];
  int kept = c->rest_length, at = 0;
  memcpy(in, c->rest, (size_t)kept);
  ssize_t count = recv(c->fd, in + kept, sizeof in - (size_t)kept, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) {
    leave(c);
    return;
  }
  int length = kept + (int)count;
  while (length - at >= HEAD) {
    int size = HEAD + (in[at + 1] << 8 | in[at + 2]);
    if (size > WHOLE) {
      leave(c);
      return;
    }
    if (length - at < size) break;
    take(c, in + at);
    at += size;
  }
  c->rest_length = length - at;
  memcpy(c->rest, in + at, (size_t)c->rest_length);
}

static void welcome(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    caller *c = calloc(1, sizeof *c);
    int yes = 1, low = LOW_WATER, room = SEND_BUFFER;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (!c) fail("calloc");
    c->fd = fd, c->plays = &contents[0];
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
    into_slot(c);
  }
}

int main(int count, char **words) {
  if (count < 3) return 2;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event events[256], door = {.events = EPOLLIN};
  int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  make_tables();
  for (int i = 2; i < count && i < 10; i++) load(&contents[i - 2], words[i]);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 1024) < 0) fail("listen");
  epoll = epoll_create1(0);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &door) < 0) fail("epoll_ctl");
  moment beat = now_ns();
  for (;;) {
    for (moment now = now_ns(); beat <= now; beat += 4 * MS) {
      for (int i = 0; i < in_slot[next_slot]; i++) send_frame(slots[next_slot][i]);
      next_slot = (next_slot + 1) % SLOTS;
    }
    moment now = now_ns(), rest = beat > now ? beat - now : 0;
    struct timespec wait = {0, (long)rest};
    int ready = epoll_pwait2(epoll, events, 256, &wait, NULL);
    for (int i = 0; i < ready; i++)
      if (events[i].data.ptr) receive(events[i].data.ptr);
      else welcome(listener);
  }
}
