/* What the load client and the bare server share: the clock, histograms of seconds, mu-law and base64. */
#ifndef COMMON_H
#define COMMON_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RATE 8000
#define FRAME 160 /* bytes: 20 ms */
#define MS 1000000ull
#define SECOND 1000000000ull

typedef uint64_t moment; /* nanoseconds, monotonic */

static inline moment now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (moment)t.tv_sec * SECOND + (moment)t.tv_nsec;
}

/* --- how long things took, in bins of 20 microseconds up to four seconds --------------------------------------- */

#define BINS 200000
#define BIN 20000ull

typedef struct {
  uint32_t bin[BINS];
  uint64_t count;
  moment most;
} histogram;

static inline void add(histogram *h, moment took) {
  uint64_t at = took / BIN;
  h->bin[at < BINS ? at : BINS - 1]++;
  h->count++;
  if (took > h->most) h->most = took;
}

/* Milliseconds; the upper edge of the bin that holds it. */
static inline double quantile(const histogram *h, double share) {
  if (!h->count) return 0;
  uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
  if (wanted >= h->count) wanted = h->count - 1;
  for (int i = 0; i < BINS; i++) {
    seen += h->bin[i];
    if (seen > wanted) return (double)((i + 1) * BIN) / MS;
  }
  return (double)h->most / MS;
}

/* --- mu-law and base64 ------------------------------------------------------------------------------------------ */

static float linear_of[256]; /* full scale is 1 */
static int8_t value_of[256]; /* of a base64 character; -1 for what is none */
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline void make_tables(void) {
  for (int code = 0; code < 256; code++) {
    int plain = ~code & 0xff;
    int size = ((((plain & 15) << 3) + 0x84) << ((plain >> 4) & 7)) - 0x84;
    linear_of[code] = (float)(plain & 0x80 ? -size : size) / 32768.0f;
  }
  memset(value_of, -1, sizeof value_of);
  for (int i = 0; i < 64; i++) value_of[(uint8_t)BASE64[i]] = (int8_t)i;
}

/* Bytes written; -1 if it is no base64. `to` holds three bytes for each four that come. */
static inline int from_base64(const uint8_t *text, int length, uint8_t *to) {
  int written = 0, pad = 0;
  if (length % 4) return -1;
  while (length && text[length - 1] == '=' && pad < 2) length--, pad++;
  for (int i = 0; i < length; i += 4) {
    int left = length - i, a = value_of[text[i]], b = left > 1 ? value_of[text[i + 1]] : 0;
    int c = left > 2 ? value_of[text[i + 2]] : 0, d = left > 3 ? value_of[text[i + 3]] : 0;
    if ((a | b | c | d) < 0 || left == 1) return -1;
    uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
    to[written] = (uint8_t)(bits >> 16), to[written + 1] = (uint8_t)(bits >> 8), to[written + 2] = (uint8_t)bits;
    written += 3;
  }
  return written - pad;
}

/* Without an end mark; characters written. */
static inline int to_base64(const uint8_t *from, int length, char *to) {
  int written = 0;
  for (int i = 0; i < length; i += 3) {
    int left = length - i;
    uint32_t bits = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) | (left > 2 ? from[i + 2] : 0);
    to[written++] = BASE64[bits >> 18], to[written++] = BASE64[bits >> 12 & 63];
    to[written++] = left > 1 ? BASE64[bits >> 6 & 63] : '=';
    to[written++] = left > 2 ? BASE64[bits & 63] : '=';
  }
  return written;
}

#endif
