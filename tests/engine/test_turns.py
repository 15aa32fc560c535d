"""Instructions become excerpts of sound; what goes on under prompts is marked by the core and mixed by the player."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from holdsvc.audio.player import Player
from holdsvc.calls import programme
from holdsvc.calls.instructions import Listen, Play, Say, Stop
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import Kind
from holdsvc.calls.plan import Media
from holdsvc.engine.turns import turn_of
from tests.engine.test_streams import RATE, Shelf, play, say
from tests.plans import ITEMS, a_plan, a_session

EAR = Listen(Menu(()), "en")


def line_of(*instructions) -> int:
    """Bytes of sound that the turn gives."""
    player = Player()
    player.play(turn_of(instructions, Shelf()).parts)
    return player.left


def test_music_begins_with_the_prompts_before_it_and_a_podcast_after_them():
    assert line_of(say("hello", "connecting"), replace(play("short"), ducks=True), EAR) == 3 * RATE
    assert line_of(say("hello", "connecting"), play("short"), EAR) == 3 * RATE + 12000


def test_a_turn_without_content_is_its_prompts():
    turn = turn_of((replace(play("waltz"), ducks=True), Stop(), say("connecting")), Shelf())

    assert (turn.stops, turn.plays, [part.content for part in turn.parts]) == (True, False, [""])


@pytest.mark.parametrize("media", [Media.STREAM, Media.DOCUMENTS])
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_only_what_nobody_speaks_in_goes_on_under_prompts(item, media):
    plan = a_plan(media=media)

    for menu_due in (False, True):
        session = replace(a_session(), now=item.id, menu_due=menu_due)
        told = programme.play(session, item, plan, "en")
        ducks = {one.ducks for one in told if isinstance(one, Play)}
        assert ducks == {item.kind in (Kind.MUSIC, Kind.QUIET)}
        assert any(isinstance(one, Say) for one in told) == menu_due
