/* What a caller hears: sound is played at real time behind what came before it, and every 20 ms of it is some tone, or silence. */
#ifndef HEARING_H
#define HEARING_H

#include "platform.h"

static void make_waves(void) {
  for (int tone = 0; tone < TONES; tone++)
    for (int i = 0; i < FRAME; i++) {
      double turn = 2 * M_PI * HERTZ[tone] * i / RATE;
      wave[2 * tone][i] = (float)cos(turn), wave[2 * tone + 1][i] = (float)sin(turn);
    }
}

/* The tone that dominates; `wanted` as soon as it can be heard at all. */
static int tone_of(const uint8_t *piece, int wanted) {
  float sound[FRAME], energy = 0;
  int dominates = UNCLEAR; /* where one sound fades into another */
  for (int i = 0; i < FRAME; i++) sound[i] = linear_of[piece[i]];
  for (int i = 0; i < FRAME; i++) energy += sound[i] * sound[i];
  if (energy < FRAME * 1e-5f) return SILENT; /* -50 dB of full scale */
  for (int tone = 0; tone < TONES; tone++) {
    float re = 0, im = 0;
    for (int i = 0; i < FRAME; i++) re += sound[i] * wave[2 * tone][i], im += sound[i] * wave[2 * tone + 1][i];
    float share = (re * re + im * im) * 2 / FRAME / energy;
    if (tone == wanted && share > AUDIBLE) return tone;
    if (share > 0.6f) dominates = tone;
  }
  return dominates;
}

static void judge(stream *s, const uint8_t *piece, moment plays_at, moment now) {
  int heard = tone_of(piece, s->wanted);
  if (s->wanted >= 0 && heard == s->wanted) {
    s->leaving = s->tone, s->left = plays_at;
    if (judging && s->pressed >= window.began) {
      add(&window.heard, plays_at - s->pressed), add(&window.sent, now - s->pressed);
      window.keys_heard++;
    }
    s->tone = s->wanted, s->wanted = -1;
  }
  if (!judging) return;
  window.pieces++;
  if (heard == SILENT) window.silent++;
  else if (heard == UNCLEAR || (heard == s->leaving && plays_at < s->left + FADING)) window.unclear++;
  else if (heard != s->tone) window.wrong++;
}

/* Sound came: it is played when all before it was. */
static void play(stream *s, const uint8_t *sound, int length, moment now) {
  if (!s->begun) {
    s->begun = 1, s->dry_at = now + cushion, first_sounds++;
    add(&to_first_sound, now - s->started), add(&to_answer, now - s->dialled);
  } else if (s->cleared) {
    if (judging) add(&window.after_clear, now - s->dry_at), window.clear_gap += now - s->dry_at;
    s->dry_at = now;
  } else if (now > s->dry_at) {
    if (judging) {
      moment from = s->dry_at > window.began ? s->dry_at : window.began;
      window.gap += now - from;
      if (now - from > UNDERRUN) window.underruns++;
    }
    s->dry_at = now + cushion;
  }
  moment lead = s->dry_at - now;
  if (s->cleared || lead > s->best_lead) s->best_lead = lead;
  s->cleared = 0;
  if (judging) {
    window.media++, window.bytes += (uint64_t)length;
    add(&window.lead, lead), add(&window.late, s->best_lead - lead);
  }
  moment passed_on = s->dry_at - cushion > now ? s->dry_at - cushion : now;
  for (int at = 0; at + FRAME <= length; at += FRAME)
    judge(s, sound + at, passed_on + (moment)at * SECOND / RATE, now);
  s->dry_at += (moment)length * SECOND / RATE;
}

#endif
