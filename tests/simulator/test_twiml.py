import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.simulator.twiml import LARGEST, Place, read

URL = "https://holdsvc.example.com/hooks/twilio/wait?queue=support"


def document(text: str, place: Place = Place.WAIT, content_type: str = "text/xml; charset=utf-8"):
    return read(f"<Response>{text}</Response>".encode(), content_type, URL, place)


def words(found) -> list[str]:
    return [word for word, _ in found.complaints]


def test_the_documented_wait_document_is_read_without_complaint():
    found = document(
        '<Gather input="dtmf speech" numDigits="1" timeout="4" speechTimeout="auto" hints="music,podcast"'
        ' action="/hooks/twilio/input?s=1" actionOnEmptyResult="true"><Play>https://holdsvc.example.com/menu.wav</Play>'
        "</Gather><Redirect>/hooks/twilio/wait?s=1&amp;turn=2</Redirect>"
    )

    assert found.complaints == ()
    assert [verb.name for verb in found.verbs] == ["Gather", "Redirect"]
    assert found.resolve(found.verbs[1].text) == "https://holdsvc.example.com/hooks/twilio/wait?s=1&turn=2"


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("<Dance/>", Place.WAIT, "unknown_verb"),
        ("<Dial>+15005550199</Dial>", Place.WAIT, "forbidden_verb"),
        ('<Connect><Stream url="wss://a.example/m"/></Connect>', Place.WAIT, "forbidden_verb"),
        ("<Enqueue>support</Enqueue>", Place.WAIT, "forbidden_verb"),
        ("<Gather/>", Place.BEFORE_BRIDGE, "forbidden_verb"),
        ("<Leave/>", Place.WHISPER, "forbidden_verb"),
        ("<Gather><Redirect>/x</Redirect></Gather>", Place.WAIT, "nesting"),
        ('<Gather><Play digits="1"/></Gather>', Place.WAIT, "nesting"),
        ("<Play><Say>no</Say>/a.wav</Play>", Place.WAIT, "nesting"),
        ('<Gather numDigits="0"/>', Place.WAIT, "value"),
        ('<Gather input="voice"/>', Place.WAIT, "value"),
        ('<Gather finishOnKey="##"/>', Place.WAIT, "value"),
        ('<Redirect method="PUT">/x</Redirect>', Place.WAIT, "value"),
        ('<Gather timeOut="5"/>', Place.WAIT, "attribute"),
        ("<Play/>", Place.WAIT, "empty"),
        ("<Redirect> </Redirect>", Place.WAIT, "empty"),
        ("<Enqueue/>", Place.CALL, "empty"),
        (f"<Enqueue>{'q' * 65}</Enqueue>", Place.CALL, "value"),
        ('<Connect><Stream url="https://a.example/m"/></Connect>', Place.CALL, "stream_url"),
        ('<Connect><Stream url="wss://a.example/m?token=1"/></Connect>', Place.CALL, "stream_url"),
        ("Please hold <Say>on</Say>", Place.WAIT, "stray_text"),
    ],
)
def test_what_the_documentation_does_not_allow_is_complained_of(text, place, word):
    assert word in words(document(text, place))


def test_a_forbidden_verb_is_not_run():
    assert [verb.name for verb in document("<Dial>x</Dial><Pause/>").verbs] == ["Pause"]


@pytest.mark.parametrize(
    ("body", "content_type", "word"),
    [
        (b"<Response/>", "text/html", "content_type"),
        (b"<Response/>", "", "content_type"),
        (b"<Response><Say>Fish & chips</Say></Response>", "text/xml", "not_xml"),
        (b"", "text/xml", "not_xml"),
        (b"<response/>", "text/xml", "root"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><Response><Say>&b;</Say></Response>", "text/xml", "doctype"),
        (b"<Response><Say>" + b"a" * LARGEST + b"</Say></Response>", "text/xml", "too_large"),
    ],
)
def test_what_cannot_be_run_is_broken(body, content_type, word):
    found = read(body, content_type, URL, Place.CALL)

    assert found.broken
    assert word in words(found)


@given(st.binary(max_size=300), st.sampled_from(Place))
def test_any_answer_is_read_or_broken_and_never_raises(body, place):
    found = read(body, "text/xml", URL, place)

    assert found.broken or found.verbs or b"Response" in body
