from hypothesis import given
from hypothesis import strategies as st

from holdsvc.simulator.playout import Playout


def test_a_mark_comes_back_when_all_sound_before_it_has_been_played():
    playout = Playout()

    playout.media(8000, now=0.0)
    playout.mark("one", now=0.0)
    playout.media(4000, now=0.1)
    playout.mark("two", now=0.1)

    assert playout.reached(0.99) == []
    assert playout.reached(1.0) == ["one"]
    assert playout.next_mark() == 1.5
    assert playout.reached(9.0) == ["two"]


def test_a_mark_on_an_empty_buffer_comes_back_at_once():
    playout = Playout()

    playout.mark("now", now=3.0)

    assert playout.reached(3.0) == ["now"]


def test_clear_forgets_what_is_unplayed_and_gives_all_marks_back():
    playout = Playout()
    playout.media(16000, now=0.0)
    playout.mark("end", now=0.0)

    assert playout.clear(now=0.5) == ["end"]
    assert playout.reached(9.0) == []
    assert playout.heard(0.5) == 0.5
    assert playout.ahead(0.5) == 0


def test_running_dry_and_going_on_is_a_gap_but_not_after_a_clear():
    dry, cleared = Playout(), Playout()
    for playout in (dry, cleared):
        playout.media(800, now=0.0)
    cleared.clear(now=0.05)
    for playout in (dry, cleared):
        playout.media(800, now=0.5)

    assert (dry.gaps, cleared.gaps) == (1, 0)


@given(st.lists(st.tuples(st.sampled_from(["media", "clear", "mark", "look"]), st.floats(0, 3)), max_size=40))
def test_what_was_heard_never_exceeds_what_was_sent_nor_the_time_that_passed(steps):
    playout, now, given_back, marked = Playout(), 0.0, [], 0
    for step, pause in steps:
        now += pause
        if step == "media":
            playout.media(int(pause * 8000), now)
        elif step == "mark":
            playout.mark(str(marked), now)
            marked += 1
        elif step == "clear":
            given_back += playout.clear(now)
        else:
            given_back += playout.reached(now)
        assert -1e-6 <= playout.heard(now) <= min(playout.received, now) + 1e-6

    given_back += playout.reached(now + 1000)
    assert sorted(given_back, key=int) == [str(number) for number in range(marked)]
