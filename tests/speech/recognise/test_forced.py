"""The choice by itself, without a network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.errors import ConfigError
from holdsvc.ports import Candidate, Certainty, Utterance
from holdsvc.speech.recognise import whisper
from holdsvc.speech.recognise.forced import OF_ONE, OF_TWO, Bounds, Phrase, best_of, judged, phrases_of

BOUNDS = Bounds(sure=1.0, near=0.0, margin=0.5)
PHRASES = (Phrase("jazz", "jazz"), Phrase("jazz", "play jazz"), Phrase("news", "news"))


def verdict(*scores, bounds=BOUNDS):
    return judged(PHRASES, np.array(scores), bounds)


def test_the_best_phrase_of_an_entry_speaks_for_it():
    heard = verdict(-2.0, 1.5, 0.5)

    assert (heard.choice, heard.certainty, heard.score) == ("jazz", Certainty.SURE, 1.5)
    assert (heard.runner_up, heard.runner_up_score) == ("news", 0.5)


def test_what_leads_far_is_surer_than_what_leads_by_little():
    assert verdict(0.8, -3.0, 0.1).certainty is Certainty.SURE
    assert verdict(0.8, -3.0, 0.7).certainty is Certainty.NEAR


def test_what_explains_the_sound_badly_is_no_choice_however_far_it_leads():
    heard = verdict(-2.0, -9.0, -9.0)

    assert (heard.choice, heard.certainty, heard.runner_up) == ("", Certainty.NONE, "jazz")


@settings(deadline=None)
@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.floats(0, 5))
def test_a_better_explanation_is_never_less_sure(scores, more):
    order = (Certainty.NONE, Certainty.NEAR, Certainty.SURE)
    before, after = verdict(*scores), verdict(*(score + more for score in scores))

    assert order.index(after.certainty) >= order.index(before.certainty)


@pytest.mark.parametrize("bounds", [OF_ONE, OF_TWO])
def test_one_entry_alone_can_be_chosen_and_refused(bounds):
    alone = (Phrase("jazz", "jazz"),)

    assert judged(alone, np.array([2.0]), bounds).certainty is Certainty.SURE
    assert judged(alone, np.array([-5.0]), bounds).certainty is Certainty.NONE


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(1, 30))
def test_the_best_are_kept_in_their_order_and_the_first_of_equals_stays(scores, most):
    phrases = [Phrase(str(place), str(place)) for place in range(len(scores))]

    kept, their = best_of(phrases, np.array(scores, float), most)

    places = [int(one.choice) for one in kept]
    assert places == sorted(places)
    assert len(kept) == min(most, len(scores))
    assert their.tolist() == [scores[place] for place in places]
    for left_out in set(range(len(scores))) - set(places):
        assert all((-scores[place], place) < (-scores[left_out], left_out) for place in places)


def test_a_phrase_belongs_to_the_entry_that_names_it_first_and_must_hold_a_word():
    offered = (Candidate("jazz", ("jazz", " ", "")), Candidate("other", ("Jazz", "the  rest")))

    assert phrases_of(Utterance(b"", offered)) == [Phrase("jazz", "jazz"), Phrase("other", "the rest")]


def test_without_the_larger_model_the_small_one_is_alone(monkeypatch):
    monkeypatch.setattr(whisper, "LARGE", ("no_such_package_one", "no_such_package_two"))

    assert whisper.larger() == []


def test_half_a_model_is_told_in_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "half_a_model" / "data").mkdir(parents=True)
    (tmp_path / "half_a_model" / "__init__.py").write_text("")
    (tmp_path / "half_a_model" / "data" / "model.bin.part1").write_bytes(b"half")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(whisper, "LARGE", ("half_a_model",))

    with pytest.raises(ConfigError, match=r"half_a_model is not whole: there is no config\.json in it"):
        whisper.larger()
