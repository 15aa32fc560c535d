/* The floor: epoll and nothing else. Messages of 200 ms, two ahead, encoded once; no journal, no marks, no choice logic.
 *
 *   bare PORT TONE...     mu-law files for the keys 1, 2, ...
 *
 * Of the caller's sound only frame headers are read, and the kernel wakes us for every 2 kB of it (SO_RCVLOWAT).
 */
#define _GNU_SOURCE
#include "../common.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK 1600 /* bytes: 200 ms */
#define SLOTS 40   /* of 5 ms */
#define LOW_WATER 2048
#define SHORT 200 /* bytes: frames up to this size may be a key */
#define LONGEST_HEAD 160

typedef struct {
  int number;
  char **tail; /* of each block what stands behind the prefix */
  int *size;
} content;

typedef struct caller {
  int fd, shaken, started, slot, place;
  const content *plays;
  int at, head;
  char prefix[LONGEST_HEAD], sid[48];
  uint8_t *rest;
  int rest_length, rest_room, skip;
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
  uint8_t block[BLOCK];
  if (!file) fail(name);
  while (fread(block, 1, BLOCK, file) == BLOCK) {
    to->tail = realloc(to->tail, (size_t)(to->number + 1) * sizeof *to->tail);
    to->size = realloc(to->size, (size_t)(to->number + 1) * sizeof *to->size);
    char *tail = malloc(BLOCK * 4 / 3 + 8);
    int length = to_base64(block, BLOCK, tail);
    memcpy(tail + length, "\"}}", 3);
    to->tail[to->number] = tail, to->size[to->number++] = length + 3;
  }
  fclose(file);
}

/* What the network does not take is lost: this server is only asked to carry what it can carry. */
static void put(caller *c, const void *bytes, int count) {
  if (send(c->fd, bytes, (size_t)count, MSG_NOSIGNAL) != count) fprintf(stderr, "bare: a message was not taken\n");
}

static void send_block(caller *c) {
  static char out[BLOCK * 2];
  int size = c->plays->size[c->at], text = c->head - 4 + size;
  memcpy(out, c->prefix, (size_t)c->head);
  out[2] = (char)(text >> 8), out[3] = (char)text;
  memcpy(out + c->head, c->plays->tail[c->at], (size_t)size);
  put(c, out, c->head + size);
  c->at = (c->at + 1) % c->plays->number;
}

static void into_slot(caller *c) {
  int slot = c->slot = (next_slot + SLOTS - 1) % SLOTS; /* the one that has just been served */
  if (in_slot[slot] == room_in[slot]) {
    room_in[slot] = 2 * room_in[slot] + 8;
    if (!(slots[slot] = realloc(slots[slot], (size_t)room_in[slot] * sizeof *slots[slot]))) fail("realloc");
  }
  c->place = in_slot[slot];
  slots[slot][in_slot[slot]++] = c;
}

static void out_of_slot(caller *c) {
  caller *last = slots[c->slot][--in_slot[c->slot]];
  slots[c->slot][c->place] = last, last->place = c->place;
}

static void leave(caller *c) {
  if (c->started) out_of_slot(c);
  close(c->fd);
  free(c->rest);
  free(c);
}

static void start(caller *c, const char *text) {
  const char *sid = strstr(text, "\"streamSid\":\"");
  int low = LOW_WATER;
  if (!sid || c->started || sscanf(sid + 13, "%40[^\"]", c->sid) != 1) return;
  c->head = 4 + sprintf(c->prefix + 4, "{\"event\":\"media\",\"streamSid\":\"%s\",\"media\":{\"payload\":\"", c->sid);
  c->prefix[0] = (char)0x81, c->prefix[1] = 126;
  setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  c->started = 1;
  into_slot(c);
  send_block(c), send_block(c);
}

static void press(caller *c, const char *text) {
  const char *digit = strstr(text, "\"digit\":\"");
  char out[128];
  if (!digit || !c->started || digit[9] < '1' || digit[9] > '8' || !contents[digit[9] - '1'].number) return;
  int length = sprintf(out + 2, "{\"event\":\"clear\",\"streamSid\":\"%s\"}", c->sid);
  out[0] = (char)0x81, out[1] = (char)length;
  put(c, out, length + 2);
  c->plays = &contents[digit[9] - '1'], c->at = 0;
  send_block(c), send_block(c);
}

static void take(caller *c, const uint8_t *body, int size, const uint8_t *key) {
  char text[1024];
  if (size >= (int)sizeof text) return;
  for (int i = 0; i < size; i++) text[i] = (char)(body[i] ^ key[i & 3]);
  text[size] = 0;
  if (strstr(text, "\"event\":\"start\"")) start(c, text);
  else if (strstr(text, "\"event\":\"dtmf\"")) press(c, text);
}

/* Bytes used. A long frame's body is skipped, also where it has not come yet. */
static int walk(caller *c, const uint8_t *in, int length) {
  int at = 0;
  while (length - at >= 8) {
    int size = in[at + 1] & 127, head = 6;
    if (size == 126) size = in[at + 2] << 8 | in[at + 3], head = 8;
    int read_it = size <= SHORT || !c->started;
    if (read_it && length - at < head + size) break;
    if (read_it) take(c, in + at + head, size, in + at + head - 4);
    if (length - at < head + size) {
      c->skip = head + size - (length - at);
      return length;
    }
    at += head + size;
  }
  return at;
}

static int shake(caller *c, const uint8_t *in, int length) {
  static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const uint8_t *end = memmem(in, (size_t)length, "\r\n\r\n", 4);
  if (!end) return 0;
  c->shaken = 1;
  put(c, yes, sizeof yes - 1);
  return (int)(end - in) + 4;
}

static void receive(caller *c) {
  static uint8_t in[1 << 16];
  int kept = c->rest_length, used = 0;
  if (kept) memcpy(in, c->rest, (size_t)kept);
  ssize_t count = recv(c->fd, in + kept, sizeof in - (size_t)kept, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) {
    leave(c);
    return;
  }
  int length = kept + (int)count;
  if (c->skip) used = c->skip < length ? c->skip : length, c->skip -= used;
  if (!c->shaken) used = shake(c, in, length);
  if (c->shaken && !c->skip) used += walk(c, in + used, length - used);
  c->rest_length = length - used;
  if (c->rest_length > c->rest_room && !(c->rest = realloc(c->rest, (size_t)(c->rest_room = c->rest_length + 512)))) fail("realloc");
  if (c->rest_length) memcpy(c->rest, in + used, (size_t)c->rest_length);
}

static void welcome(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    caller *c = calloc(1, sizeof *c);
    int yes = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (!c) fail("calloc");
    c->fd = fd, c->plays = &contents[0];
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4); /* it paces by itself, as ours does */
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
  }
}

int main(int count, char **words) {
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
    for (moment now = now_ns(); beat <= now; beat += 5 * MS) {
      for (int i = in_slot[next_slot] - 1; i >= 0; i--) send_block(slots[next_slot][i]);
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
