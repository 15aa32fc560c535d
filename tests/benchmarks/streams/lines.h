/* AudioSocket instead of a websocket, as Asterisk 22 was seen to speak it: a byte of kind, two of length, then so many bytes.
 *
 * It keeps nothing: a frame is passed on when it comes, and the caller's telephone evens it out with a cushion of 60 ms. A frame
 * in two pieces, of another kind or length is broken.
 */
#ifndef LINES_H
#define LINES_H

#include "hearing.h"

#define HEAD 3
#define WHOLE (2 * FRAME) /* bytes of 20 ms of linear samples */

enum { FAREWELL = 0x00, NAME = 0x01, KEY = 0x03, SOUND = 0x10 };

static uint8_t code_of[65536]; /* mu-law for each linear sample */
static uint8_t spoken[50][HEAD + WHOLE];

static void make_lines(void) {
  for (int sample = -32768; sample < 32768; sample++) {
    float least = 4;
    for (int code = 0; code < 256; code++) {
      float off = fabsf(linear_of[code] - (float)sample / 32768.0f);
      if (off < least) least = off, code_of[(uint16_t)sample] = (uint8_t)code;
    }
  }
  for (int i = 0; i < 50; i++) {
    spoken[i][0] = SOUND, spoken[i][1] = WHOLE >> 8, spoken[i][2] = WHOLE & 255;
    for (int j = 0; j < WHOLE; j += 2) spoken[i][HEAD + j] = (uint8_t)draw(), spoken[i][HEAD + j + 1] = (uint8_t)(draw() % 8);
  }
}

/* The call's id, as bytes behind a head; its text is 36 characters with dashes. */
static int name_frame(const char *id, uint8_t *frame) {
  int at = 0;
  frame[at++] = NAME, frame[at++] = 0, frame[at++] = 16;
  for (; *id && at < HEAD + 16; id++) {
    unsigned byte;
    if (*id == '-') continue;
    if (sscanf(id, "%2x", &byte) != 1) return 0;
    frame[at++] = (uint8_t)byte, id++;
  }
  return at;
}

/* Sound of one frame as mu-law. 0 if this is none. */
static int sound_of(const uint8_t *frame, int length, uint8_t *sound) {
  if (frame[0] != SOUND || length != HEAD + WHOLE) return 0;
  for (int i = 0; i < FRAME; i++) sound[i] = code_of[frame[HEAD + 2 * i] | frame[HEAD + 2 * i + 1] << 8];
  return 1;
}

#endif
