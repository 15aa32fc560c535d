"""How long a live stream waits for what, how often it looks at it, and what its far end may do."""

from __future__ import annotations

from holdsvc.audio.formats import length_of

LOOK_AHEAD = 0.4  # seconds before its end at which the next item is asked for; for the core it is over by then
BEYOND = length_of(LOOK_AHEAD)  # bytes that are left as long as nothing is to be asked for
PATIENCE = 0.1  # seconds of silence that an answer may take; then the sound goes on, or the house's own begins
CHECKPOINT = 10.0  # seconds between two reports of what was heard
START_WITHIN = 5.0  # seconds from the handshake to the platform's word which call it is
IDLE = 30.0  # seconds without a single frame from the platform
ASK_AGAIN = 5.0  # seconds after which the next item is asked for again, if no answer brought sound
# seconds between two readings of a socket: before the start; after it; where glances tell of all but the caller's sound
UNTIL_START, UNWATCHED, WATCHED = 0.01, 0.062, 0.2
EARLY = 0.05  # seconds by which it may be read early when we are there anyway: so that keeps step with the blocks
LOOK = 1.0  # seconds between two looks at what may not last
STUCK_FOR = 20.0  # seconds in which the network takes nothing, after which nobody hears us
STUCK = 0.02  # seconds between two looks whether the network takes something again
READING = 0.1  # seconds between two looks whether somebody who reads along may read on
LAST_MARK = 0.5  # seconds that the mark behind the last sound may be overdue before we close without it
MOST_BROKEN = 50  # frames without meaning before we hang up on whoever sends them
LEAST_FRAME = 300  # bytes of a frame with 20 ms of sound in it
FRAMES_A_SECOND = 100  # from a platform in the long run; genuine ones send fifty
MOST_FRAMES = 3000  # and at once, after a network stood still for as long as we bear it
