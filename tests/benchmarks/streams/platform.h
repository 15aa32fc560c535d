/* A stream as the platform sees it, what is counted in a window, and chance. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "common.h"

#define TONES 3
static const float HERTZ[TONES] = {400, 700, 1100}; /* whole periods in 20 ms; none is a harmonic of another */
#define SILENT (-1)
#define UNCLEAR (-2)

#define SLOTS 20                    /* of a millisecond: the streams' sends are spread over 20 ms */
#define UNDERRUN (2 * MS)           /* shorter than this, our own clock says nothing */
#define AUDIBLE 0.1f                /* of the energy, 10 dB below the rest: from here on new content is heard over what it replaces */
#define FADING (400 * MS)           /* for so long after that the old sound may still be the louder one */
#define DEAF (3 * SECOND)           /* a key that was not heard by then is a missed one */
#define READ (256 * 1024)
#define PENDING 64                  /* marks that may wait for their playout */
#define LONGEST_NAME 64
#define MOST_STREAMS 20000

enum { DIALLING, TALKING, GONE };

typedef struct {
  moment at;
  char name[LONGEST_NAME];
} mark;

typedef struct {
  int fd, state, number;
  char path[160], host[80], signature[48], call[48], token[80], sid[40];
  uint32_t sequence, chunk;
  moment next, dialled, started;
  moment dry_at;                    /* when all that came will have been played */
  moment best_lead;                 /* most that ever lay ahead since the last clear */
  int begun, cleared;               /* sound came; the buffer was emptied and nothing came since */
  int tone;                         /* that should be heard */
  int leaving;                      /* the one before, as long as it may still be heard */
  moment left;
  int wanted;                       /* that was asked for by a key and not heard yet; -1 = none */
  moment pressed, next_key;
  mark *marks;
  int first_mark, marks_pending;
  uint8_t *rest, *out;
  int rest_length, out_length, rest_room, out_room;
} stream;

static struct {                     /* of the window */
  uint64_t media, bytes, marks, marks_echoed, clears, keys, keys_heard, keys_missed, keys_sent;
  uint64_t pieces, silent, wrong, unclear, underruns, blocked;
  moment gap, clear_gap, began, ended;
  histogram late, lead, heard, sent, after_clear, own;
} window;
static histogram to_first_sound, to_answer;
static uint64_t opened, refused, lost, broken, alive, first_sounds;
static int last_status;
static stream *streams[MOST_STREAMS];
static int placed, judging;
static int lines;                   /* AudioSocket; else Twilio's websocket */
static moment cushion;              /* that a telephone puts before what it plays, where the platform keeps nothing */
static int port, epoll;
static double keys_every;
static uint64_t chance;
static float wave[2 * TONES][FRAME];
static char voice[50][224];         /* the caller's sound, 20 ms each, in base64 */

static uint64_t draw(void) {
  chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
  return chance;
}
static double share(void) { return (double)(draw() >> 11) / 9007199254740992.0; }

static void fail(const char *what) {
  perror(what);
  exit(1);
}

#endif
