"""A worker that behaves as its first word says; for tests of the house that keeps workers."""

import os
import sys
import time

from holdsvc.errors import ConfigError
from holdsvc.ports import Certainty, Recognised
from holdsvc.speech.worker import LENGTH, serve


class Fake:
    name = "fake"
    languages = ("en",)

    def __init__(self, manner: str) -> None:
        if manner == "unable":
            raise ConfigError("speech.model", "there is no model here")
        self.manner = manner

    def recognise(self, utterance):
        wish = utterance.candidates[0].choice
        if wish == "die":
            os._exit(9)
        if wish == "hang":
            time.sleep(60)
        if wish == "slow":
            time.sleep(0.4)
        if wish == "garble":
            sys.__stdout__.buffer.write(LENGTH.pack(3) + b"???")
            sys.__stdout__.buffer.flush()
        if wish == "swell":
            bytearray(4 << 30)
        if wish == "pid":
            return Recognised(str(os.getpid()), 1.0, Certainty.SURE)
        return Recognised(wish, 1.0, Certainty.SURE)


if __name__ == "__main__":
    from holdsvc.speech.worker import bounded

    bounded(int(os.environ["HOLDSVC_WORKER_MEGABYTES"]))
    if sys.argv[1] == "never":
        time.sleep(60)
    if sys.argv[1] == "falls":
        sys.exit(3)
    sys.exit(serve(lambda: Fake(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer))
