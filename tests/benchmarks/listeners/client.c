/* Many listeners of one endless mp3 over HTTP, each frame of each checked.
 *
 *   client PORT PATH LISTENERS
 *
 * It connects them 500 a second, says {"kind":"told",...} every quarter of a second, and between the lines BEGIN and END on its standard input
 * counts what every listener got; then it says {"kind":"heard",...}. A frame that is none is broken; what stands before the first frame is not. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define A_SECOND 500      /* new listeners */
#define MOST_HEAD 4096
#define TELL_EVERY 0.25
#define BEFORE_SYNC 4096  /* bytes before the first whole frame */

typedef struct {
    int fd, head_length, synced, have;
    uint8_t head[4];      /* the beginning of a frame that came in pieces */
    uint32_t skip;        /* bytes of the frame that are still to come */
    char *text;           /* the answer's head, while it comes */
    int before;           /* bytes before the first frame */
    double audio, last, pause; /* seconds: of sound in the window; of the last arrival; the longest wait */
    uint64_t bytes, frames;
} Listener;

static Listener *all;
static int number, opened, sounding, lost, refused, counting;
static uint64_t broken;
static uint8_t room[1 << 18];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Bytes of the frame and its seconds; 0: no frame begins here. Layer III of MPEG 1 and 2. */
static int frame(const uint8_t *h, double *seconds) {
    static const int kbit[2][15] = {{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
                                    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}};
    static const int hertz[3] = {44100, 48000, 32000};
    int version = h[1] >> 3 & 3, layer = h[1] >> 1 & 3, rate = h[2] >> 2 & 3, bits = h[2] >> 4;
    if (h[0] != 0xFF || (h[1] & 0xE0) != 0xE0 || version < 2 || layer != 1 || rate == 3 || bits == 0 || bits == 15)
        return 0;
    int one = version == 3, hz = one ? hertz[rate] : hertz[rate] / 2;
    *seconds = (one ? 1152.0 : 576.0) / hz;
    return (one ? 144000 : 72000) * kbit[one][bits] / hz + (h[2] >> 1 & 1);
}

static void take(Listener *l, const uint8_t *data, int n) {
    int at = 0;
    while (at < n) {
        if (l->skip) {
            uint32_t step = l->skip < (uint32_t)(n - at) ? l->skip : (uint32_t)(n - at);
            l->skip -= step;
            at += step;
            continue;
        }
        l->head[l->have++] = data[at++];
        if (l->have < 4) continue;
        double seconds;
        int size = frame(l->head, &seconds);
        if (size) {
            l->skip = size - 4;
            l->have = 0;
            if (!l->synced) sounding++;
            l->synced = 1;
            l->audio += seconds;
            l->frames++;
        } else {
            if (l->synced || ++l->before > BEFORE_SYNC) broken++;
            memmove(l->head, l->head + 1, 3);
            l->have = 3;
        }
    }
}

static void end(Listener *l, int why_refused) {
    if (l->fd < 0) return;
    close(l->fd);
    l->fd = -1;
    if (why_refused) refused++;
    else lost++;
}

/* The head of the answer; how many bytes of data belong to it, -1 when it is not the answer that we want. */
static int answer(Listener *l, const uint8_t *data, int n) {
    int had = l->head_length, fits = n < MOST_HEAD - had - 1 ? n : MOST_HEAD - had - 1;
    memcpy(l->text + had, data, fits);
    l->head_length += fits;
    l->text[l->head_length] = 0;
    char *over = strstr(l->text, "\r\n\r\n");
    if (!over) return l->head_length >= MOST_HEAD - 1 ? -1 : n;
    over[4 - 2] = 0;
    if (!strstr(l->text, " 200 ") || !strcasestr(l->text, "audio/mpeg") || strcasestr(l->text, "chunked")) return -1;
    int used = (int)(over + 4 - l->text) - had;
    free(l->text);
    l->text = NULL;
    return used;
}

static void come(Listener *l) {
    for (;;) {
        int n = recv(l->fd, room, sizeof room, MSG_DONTWAIT), from = 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) return end(l, l->text != NULL);
        if (l->text && (from = answer(l, room, n)) < 0) return end(l, 1);
        double t = now();
        if (l->last && t - l->last > l->pause) l->pause = t - l->last;
        l->last = t;
        l->bytes += n - from;
        take(l, room + from, n - from);
        if (n < (int)sizeof room) return;
    }
}

static void dial(Listener *l, int port, const char *path, int poll) {
    char ask[512];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int n = snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: listener\r\nAccept: */*\r\n\r\n", path);
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    l->text = calloc(1, MOST_HEAD);
    opened++;
    if (connect(l->fd, (struct sockaddr *)&to, sizeof to) || send(l->fd, ask, n, MSG_NOSIGNAL) != n) return end(l, 1);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    epoll_ctl(poll, EPOLL_CTL_ADD, l->fd, &e);
}

static void begin(void) {
    for (int i = 0; i < number; i++) {
        all[i].audio = all[i].pause = 0;
        all[i].bytes = all[i].frames = 0;
        all[i].last = now();
    }
    broken = lost = 0;
    counting = 1;
}

static void heard(double seconds) {
    double least = 1e9, most = 0, pause = 0, t = now();
    uint64_t bytes = 0, frames = 0;
    int alive = 0;
    for (int i = 0; i < number; i++) {
        Listener *l = all + i;
        if (l->fd < 0 || !l->synced) continue;
        alive++;
        if (l->audio < least) least = l->audio;
        if (l->audio > most) most = l->audio;
        if (t - l->last > l->pause) l->pause = t - l->last;
        if (l->pause > pause) pause = l->pause;
        bytes += l->bytes;
        frames += l->frames;
    }
    printf("{\"kind\":\"heard\",\"seconds\":%.3f,\"alive\":%d,\"lost\":%d,\"broken\":%lu,\"bytes\":%lu,\"frames\":%lu,"
           "\"least\":%.3f,\"most\":%.3f,\"pause\":%.3f}\n",
           seconds, alive, lost, broken, bytes, frames, alive ? least : 0.0, most, pause);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), poll = epoll_create1(0);
    number = atoi(argv[3]);
    all = calloc(number, sizeof *all);
    for (int i = 0; i < number; i++) all[i].fd = -1;
    struct epoll_event events[256], in = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &in);
    double start = now(), told = start, began = 0;
    for (;;) {
        int n = epoll_wait(poll, events, 256, opened < number ? 1 : 50);
        for (int i = 0; i < n; i++) {
            Listener *l = events[i].data.ptr;
            if (l) {
                if (l->fd >= 0) come(l);
                continue;
            }
            char line[64];
            ssize_t got = read(0, line, sizeof line - 1);
            if (got <= 0) return 0;
            if (line[0] == 'B') {
                begin();
                began = now();
            } else {
                heard(now() - began);
            }
        }
        double t = now();
        while (opened < number && opened < (t - start) * A_SECOND) dial(all + opened, port, argv[2], poll);
        if (t - told > TELL_EVERY) {
            told = t;
            printf("{\"kind\":\"told\",\"opened\":%d,\"sounding\":%d,\"refused\":%d,\"lost\":%d}\n", opened, sounding, refused, lost);
            fflush(stdout);
        }
    }
}
