/* What the client tells its driver: lines of JSON. */
#ifndef TELLING_H
#define TELLING_H

#include "platform.h"

static void tell_quantiles(const char *name, const histogram *h) {
  printf(",\"%s\":{\"count\":%llu,\"p50\":%.2f,\"p99\":%.2f,\"most\":%.2f}", name, (unsigned long long)h->count,
         quantile(h, 0.5), quantile(h, 0.99), (double)h->most / MS);
}

static void tell_count(const char *name, uint64_t count) { printf(",\"%s\":%llu", name, (unsigned long long)count); }

/* A stream that is dry now, or never had any sound, is a gap too, until this moment. */
static void end(moment now) {
  judging = 0, window.ended = now;
  for (int i = 0; i < placed; i++) {
    stream *s = streams[i];
    moment dry = s->begun ? s->dry_at : s->started;
    if (s->state != TALKING || dry >= now) continue;
    moment from = dry > window.began ? dry : window.began;
    window.gap += now - from;
    if (now - from > UNDERRUN) window.underruns++;
  }
  double seconds = (double)(now - window.began) / SECOND;
  printf("{\"kind\":\"result\",\"seconds\":%.3f", seconds);
  tell_count("alive", alive), tell_count("opened", opened), tell_count("refused", refused), tell_count("lost", lost);
  tell_count("broken", broken), tell_count("media", window.media), tell_count("bytes", window.bytes);
  tell_count("marks", window.marks), tell_count("marks_echoed", window.marks_echoed), tell_count("clears", window.clears);
  tell_count("keys", window.keys), tell_count("keys_heard", window.keys_heard), tell_count("keys_missed", window.keys_missed);
  tell_count("pieces", window.pieces), tell_count("silent", window.silent), tell_count("wrong", window.wrong);
  tell_count("unclear", window.unclear), tell_count("underruns", window.underruns), tell_count("blocked", window.blocked);
  tell_count("first_sounds", first_sounds);
  printf(",\"gap_seconds\":%.6f,\"clear_gap_seconds\":%.6f", (double)window.gap / SECOND, (double)window.clear_gap / SECOND);
  tell_quantiles("late", &window.late), tell_quantiles("lead", &window.lead), tell_quantiles("key_to_heard", &window.heard);
  tell_quantiles("key_to_sent", &window.sent), tell_quantiles("after_clear", &window.after_clear);
  tell_quantiles("own_lateness", &window.own), tell_quantiles("start_to_first_sound", &to_first_sound);
  tell_quantiles("dial_to_first_sound", &to_answer);
  printf("}\n");
  fflush(stdout);
}

static void tell_progress(void) {
  printf("{\"kind\":\"told\",\"placed\":%d,\"alive\":%llu,\"sounding\":%llu,\"refused\":%llu,\"lost\":%llu,\"status\":%d}\n", placed,
         (unsigned long long)alive, (unsigned long long)first_sounds, (unsigned long long)refused, (unsigned long long)lost, last_status);
  fflush(stdout);
}

#endif
