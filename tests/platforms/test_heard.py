from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.events import HeardUntil
from holdsvc.calls.heard import Part, Sent, heard_of, walk
from holdsvc.calls.model import ContentId
from holdsvc.platforms.heard import MOST_PARTS, read, write

from .bench import NOW, TUNE

seconds = st.integers(0, 600_000).map(lambda thousandths: thousandths / 1000)
prompts = st.builds(Part, seconds)
stretches = st.tuples(seconds, seconds).map(lambda pair: Part(max(pair), min(pair)))
documents = st.lists(prompts | stretches, max_size=8)


@st.composite
def continued(draw):
    """As the core writes them: one item, going on where it stopped, with prompts in between."""
    at, parts = draw(seconds), []
    for length in draw(st.lists(st.integers(1, 60), min_size=1, max_size=5)):
        parts += [Part(at + length, at)] + ([draw(prompts)] if draw(st.booleans()) else [])
        at += length
    return parts


def document(*parts: Part) -> Sent:
    return Sent(NOW, TUNE, parts)


def after(elapsed: float):
    return NOW + timedelta(seconds=elapsed)


MENU_IN_BETWEEN = document(Part(10.0, 0.0), Part(8.4), Part(60.0, 10.0))


def test_a_key_during_the_prompt_leaves_the_content_where_the_prompt_began():
    for elapsed in (10.0, 12.0, 18.4):
        assert heard_of(MENU_IN_BETWEEN, after(elapsed)) == HeardUntil(TUNE, 0.0, 10.0)


def test_the_content_goes_on_behind_the_prompt():
    assert heard_of(MENU_IN_BETWEEN, after(28.4)) == HeardUntil(TUNE, 0.0, 20.0)


def test_a_timeout_is_not_counted_as_listening():
    assert heard_of(MENU_IN_BETWEEN, after(29.4), spent=1.0) == HeardUntil(TUNE, 0.0, 20.0)


def test_the_end_of_a_document_is_believed_only_if_there_was_time_for_it():
    assert heard_of(MENU_IN_BETWEEN, after(68.0), spent=1.0, to_its_end=True) == HeardUntil(TUNE, 0.0, 60.0)
    assert heard_of(MENU_IN_BETWEEN, after(1.5), spent=1.0, to_its_end=True) == HeardUntil(TUNE, 0.0, 0.5)


def test_nothing_is_heard_before_the_document_was_sent_or_of_prompts_alone():
    assert heard_of(MENU_IN_BETWEEN, after(-5.0)) is None
    assert heard_of(document(Part(8.0)), after(5.0)) is None


@given(documents, seconds, seconds)
def test_more_time_never_means_less_heard(parts, one, other):
    less, more = (walk(TUNE, parts, elapsed) for elapsed in sorted((one, other)))

    assert less is None or (
        more is not None and less.from_second == more.from_second and less.until_second <= more.until_second
    )


@given(documents, seconds)
def test_never_more_is_heard_than_there_was_time_for_or_than_was_sent(parts, elapsed):
    told = walk(TUNE, parts, elapsed)

    if told is not None:
        sent = [(part.from_second, part.until_second) for part in parts if part.from_second is not None]
        length = told.until_second - told.from_second
        assert 0 < length <= elapsed + 1e-6
        assert told.from_second == sent[0][0]
        assert told.until_second <= max(until for _, until in sent)


@given(continued(), seconds)
def test_what_was_heard_is_one_stretch_from_the_beginning(parts, elapsed):
    own = sum(part.seconds for part in parts if part.from_second is not None)
    began = parts[0].from_second

    told = walk(TUNE, parts, elapsed)

    assert told is None or told.until_second <= began + min(elapsed, own) + 1e-6
    everything = walk(TUNE, parts, 1e9)
    assert everything is not None
    assert abs(everything.until_second - began - own) < 1e-6


@given(documents.filter(lambda parts: any(part.from_second is not None for part in parts)))
def test_what_a_link_carries_is_read_as_it_was_written(parts):
    assert read(write(document(*parts))) == document(*parts)


@given(st.dictionaries(st.sampled_from(["content", "parts", "sent"]), st.text(max_size=30)))
def test_anything_else_in_a_link_is_not_believed(query):
    told = read(query)

    assert told is None or (told.content and told.parts)


def test_a_link_of_any_length_stays_short():
    many = document(*[Part(float(second + 1), float(second)) for second in range(1000)])

    assert read(write(many)).parts == many.parts[:MOST_PARTS]
    assert write(Sent(NOW, ContentId(""), many.parts)) == {}
