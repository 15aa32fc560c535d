import base64

from hypothesis import given
from hypothesis import strategies as st

from holdsvc.simulator.speaker import LEAD, Speaker


class Desk:
    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[str, bytes]] = []
        self.speaker = Speaker(self.take, lambda: self.now)

    def take(self, event, fields):
        self.sent.append((event, base64.b64decode(fields.get("payload", ""))))

    def until(self, moment):
        """Let time pass as `run` would."""
        while self.now < moment:
            self.now += max(0.001, min(self.speaker.turn(), moment - self.now))


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=20))
def test_all_samples_come_in_order_and_never_too_far_ahead(sizes):
    desk, whole = Desk(), b""
    for number, size in enumerate(sizes):
        whole += bytes([number]) * size
        desk.speaker.add(bytes([number]) * size)

    while sum(len(block) for _, block in desk.sent) < len(whole):
        desk.until(desk.now + 0.05)
        sent = sum(len(block) for _, block in desk.sent)
        assert sent / 8000 <= desk.now + LEAD + 0.06

    assert b"".join(block for _, block in desk.sent) == whole


def test_a_clear_forgets_what_waits_and_tells_the_page_only_if_it_has_something():
    desk = Desk()
    desk.speaker.clear()
    assert desk.sent == []

    desk.speaker.add(b"\x55" * 80000)
    desk.until(1.0)
    desk.speaker.clear()
    desk.until(2.0)

    assert desk.sent[-1] == ("clear", b"")
    desk.speaker.add(b"\x11" * 1600)
    desk.until(2.1)
    assert desk.sent[-1] == ("media", b"\x11" * 1600)
