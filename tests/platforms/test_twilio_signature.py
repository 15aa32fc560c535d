import hashlib
import random
import time
from collections import Counter
from urllib.parse import quote, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from holdsvc.errors import Unverified
from holdsvc.platforms.twilio import Twilio
from holdsvc.platforms.twilio_signature import Secret, decoded, form, sign
from holdsvc.ports import WebhookRequest

from .bench import NOW

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
OTHER = "ffffffffffffffffffffffffffffffff"
URL = "https://holdsvc.example.com/twilio/wait?site=7"
FIELDS = [("CallSid", "CAaaaabbbbccccddddeeeeffff00001111"), ("From", "+15005550122"), ("QueuePosition", "2")]
FORM = "application/x-www-form-urlencoded"
SHARED = "x-twilio-webhooks-signature-settings"
HOUSE = Twilio((TOKEN,))


def request(
    signature: str,
    *,
    url: str = URL,
    body: bytes | None = None,
    method: str = "POST",
    step: str = "wait",
    headers: dict[str, str] | None = None,
) -> WebhookRequest:
    told = {"content-type": FORM, "x-twilio-signature": signature, **(headers or {})}
    body = urlencode(FIELDS).encode() if body is None else body
    return WebhookRequest(step, method, url, url.partition("?")[2], told, body, NOW)


def signed(url: str, fields: list[tuple[str, str]], token: str = TOKEN) -> str:
    """By the vendor's own code."""
    return RequestValidator(token).compute_signature(url, MultiDict(fields))


def accepted(asked: WebhookRequest, house: Twilio = HOUSE) -> bool:
    try:
        house.verify(asked)
    except Unverified:
        return False
    return True


def refusal(asked: WebhookRequest, house: Twilio = HOUSE) -> str:
    with pytest.raises(Unverified) as refused:
        house.verify(asked)
    return refused.value.reason


# --- known vectors ----------------------------------------------------------------------------------------------------


def test_the_known_form_is_accepted_and_read():
    verified = HOUSE.verify(request("tCc2oac00RGw3I3Qrw7ZOmV87gk="))

    assert list(verified.fields) == FIELDS


def test_the_known_shared_key_is_accepted():
    house = Twilio(shared_keys={"main": TOKEN})
    settings = {SHARED: "key=main,algorithm=HMAC_SHA256"}

    assert accepted(request("U7FxajwVHfzvC5IxppxATRncBcdH8Uv+/nLTLeQRf6g=", headers=settings), house)


def test_the_known_handshake_is_accepted_whatever_scheme_our_side_saw():
    for url in ("wss://holdsvc.example.com/twilio/media", "https://holdsvc.example.com/twilio/media/"):
        asked = request("IzUu5zFFshFn7XeoozfrZKLaNII=", url=url, method="GET", body=b"", step="media")

        assert accepted(asked)


def test_the_known_repeated_name_is_accepted():
    body = urlencode([*FIELDS, ("K", "b"), ("K", "a"), ("K", "b")]).encode()
    whole = sign(Secret(TOKEN.encode(), "sha1"), URL.encode() + b"KaKb")

    assert whole == "33fTy6XdYBxHol4To4v8azOsxeQ="
    assert accepted(request(whole, body=b"K=b&K=a&K=b"))
    assert not accepted(request(whole, body=body))


# --- against the vendor's own code ------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(names, values), max_size=12), st.sampled_from([urlencode, "percent"]))
def test_what_the_vendor_signs_is_accepted(fields, writer):
    if writer == "percent":
        body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields).encode()
    else:
        body = urlencode(fields).encode()

    verified = HOUSE.verify(request(signed(URL, fields), body=body))

    assert list(verified.fields) == fields


@given(st.lists(st.tuples(names, values), max_size=6), st.lists(st.tuples(names, values), max_size=6))
def test_one_signature_fits_two_forms_only_where_the_vendors_fits_them_too(fields, others):
    asked = request(signed(URL, fields), body=urlencode(others).encode())

    assert accepted(asked) is (signed(URL, others) == signed(URL, fields))


# --- what a platform or a proxy may do to a genuine request -----------------------------------------------------------

HOSTS = ["holdsvc.example.com", "[2001:db8::7]", "user:pa:ss@holdsvc.example.com", "xn--bcher-kva.example"]
PATHS = [
    "/hooks/twilio/wait",
    "/hooks/twilio/wait/",
    "/",
    "/hooks/twilio/wait?queue=a%20b&turn=1&x=",
    "/%C3%A9?q=%F0%9F%8E%B5",
]
FORMS = [
    [],
    FIELDS,
    [("K", "b"), ("K", "a"), ("K", "b"), ("Empty", ""), ("Empty", "")],
    [("SpeechResult", "Grüße, 音楽  please\r\n"), ("Caller", "Zoë & Sons = <b>"), ("x y", "+%26")],
]


@pytest.mark.parametrize("form", FORMS, ids=["nothing", "plain", "repeated", "unicode"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("scheme", "default"), [("https", "443"), ("http", "80")])
def test_every_genuine_spelling_is_accepted(scheme, default, host, path, form):
    written = {
        "": ("", f":{default}"),
        f":{default}": ("", f":{default}"),
        ":8443": ("", ":8443"),
    }
    for port_here, ports_signed in written.items():
        for port_signed in ports_signed:
            url = f"{scheme}://{host}{port_signed}{path}"
            text = url.encode() + b"".join((k + v).encode() for k, v in sorted(set(form)))
            asked = request(
                sign(Secret(TOKEN.encode(), "sha1"), text),
                url=f"{scheme}://{host}{port_here}{path}#rc=2&rp=all",
                body=urlencode(form).encode(),
            )

            assert accepted(asked), (url, asked.url)


def test_another_port_host_scheme_path_or_slash_is_another_url():
    for url in (
        "https://holdsvc.example.com:8443/twilio/wait?site=7",
        "https://holdsvc.example.org/twilio/wait?site=7",
        "http://holdsvc.example.com/twilio/wait?site=7",
        "https://holdsvc.example.com/twilio/wait/?site=7",
        "https://holdsvc.example.com/twilio/wait?site=8",
        "https://holdsvc.example.com/twilio/%77ait?site=7",
    ):
        assert not accepted(request(signed(url, FIELDS)))


def test_a_get_has_its_parameters_in_the_url_and_its_body_is_not_believed():
    url = f"{URL}&{urlencode(FIELDS)}"

    verified = HOUSE.verify(request(signed(url, []), url=url, method="GET", body=b"CallSid=CAevil"))

    assert list(verified.fields) == [("site", "7"), *FIELDS]


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_a_handshake_signed_for_the_web_address_is_refused(scheme):
    asked = request(
        signed("https://holdsvc.example.com/media/twilio/t", []),
        url=f"{scheme}://holdsvc.example.com/media/twilio/t",
        method="GET",
        body=b"",
        step="media",
    )

    assert not accepted(asked)


def test_broken_utf8_is_signed_as_the_bytes_it_is_and_read_as_far_as_it_goes():
    raw = b"SpeechResult=caf%E9+%ff\xfe&CallSid=CA01"
    text = URL.encode() + b"CallSidCA01" + b"SpeechResultcaf\xe9 \xff\xfe"

    verified = HOUSE.verify(request(sign(Secret(TOKEN.encode(), "sha1"), text), body=raw))

    assert dict(verified.fields)["CallSid"] == "CA01"
    assert dict(verified.fields)["SpeechResult"].startswith("caf")


# --- bodies that are no form ------------------------------------------------------------------------------------------


def json_request(body: bytes, told: bytes, kind: str = "application/json") -> WebhookRequest:
    url = f"{URL}&bodySHA256={hashlib.sha256(told).hexdigest()}"
    return request(signed(url, []), url=url, body=body, headers={"content-type": kind})


def test_a_json_body_is_covered_by_its_hash():
    assert accepted(json_request(b'{"a":1}', b'{"a":1}'))
    assert refusal(json_request(b'{"a":2}', b'{"a":1}')) == "bad_body_hash"
    assert not accepted(json_request(b"a=1", b'{"a":1}', FORM))


def test_a_body_that_nothing_covers_is_refused():
    asked = request(signed(URL, []), body=b"CallSid=CAevil", headers={"content-type": "text/plain"})

    assert refusal(asked) == "bad_body_hash"


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_while_tokens_are_rotated_both_are_valid():
    house = Twilio((OTHER, TOKEN))

    assert accepted(request(signed(URL, FIELDS, TOKEN)), house)
    assert accepted(request(signed(URL, FIELDS, OTHER)), house)
    assert not accepted(request(signed(URL, FIELDS, "")), house)


@pytest.mark.parametrize("house", [Twilio(), Twilio(("",)), Twilio((), {"main": ""})])
def test_an_empty_secret_is_none(house):
    assert refusal(request(signed(URL, FIELDS, "")), house) == "no_secret"


def test_each_refusal_has_its_word():
    shared = Twilio((TOKEN,), {"main": TOKEN})

    assert refusal(request("")) == "missing_signature"
    assert refusal(request("nonsense \udcff é")) == "bad_signature"
    assert refusal(request("x", headers={SHARED: "key=main,algorithm=HMAC_MD5"}), shared) == "unknown_algorithm"
    assert refusal(request("x", headers={SHARED: ""}), shared) == "unknown_algorithm"
    assert refusal(request("x", headers={SHARED: "key=who,algorithm=HMAC_SHA256"}), shared) == "bad_signature"
    assert refusal(request("x", headers={SHARED: "key=main,algorithm=HMAC_SHA256"}), shared) == "bad_signature"


def test_a_shared_key_does_not_stand_in_for_a_token():
    house = Twilio((TOKEN,), {"main": OTHER})

    assert not accepted(request(signed(URL, FIELDS, OTHER)), house)


def test_only_the_insecure_house_believes_everybody():
    verified = Twilio(insecure=True).verify(request(""))

    assert list(verified.fields) == FIELDS


def test_secrets_are_not_printed():
    assert TOKEN not in repr(HOUSE)


# --- attacks ----------------------------------------------------------------------------------------------------------


def flipped(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << rng.randrange(8))]) + text[at + 1 :]


def mutant(genuine: WebhookRequest, rng: random.Random) -> WebhookRequest:
    pieces = genuine.body.split(b"&")
    signature = genuine.headers["x-twilio-signature"]
    at = rng.randrange(len(pieces))
    match rng.randrange(9):
        case 0:
            return replace(genuine, body=flipped(genuine.body, rng))
        case 1:
            return replace(genuine, url=flipped(genuine.url.encode(), rng).decode("latin-1"))
        case 2:
            new = flipped(signature.encode(), rng).decode("latin-1")
            return replace(genuine, headers={**genuine.headers, "x-twilio-signature": new})
        case 3:
            return replace(genuine, body=b"&".join(pieces[:at] + pieces[at + 1 :]))
        case 4:
            return replace(genuine, body=genuine.body + b"&" + pieces[at] + b"0")
        case 5:
            return replace(genuine, body=genuine.body[: rng.randrange(len(genuine.body))])
        case 6:
            other = signed(genuine.url, FIELDS, f"{rng.getrandbits(128):032x}")
            return replace(genuine, headers={**genuine.headers, "x-twilio-signature": other})
        case 7:
            cut = signature[: rng.randrange(len(signature))]
            return replace(genuine, headers={**genuine.headers, "x-twilio-signature": cut})
        case _:
            at = rng.randrange(len(genuine.body))
            return replace(genuine, body=genuine.body[:at] + genuine.body[at + 1 :])


def meaning(asked: WebhookRequest) -> object:
    """What a request says once it is decoded: two spellings of it are one."""
    pairs = form(asked.body)
    return asked.url, asked.headers["x-twilio-signature"], None if pairs is None else frozenset(pairs)


def test_of_a_thousand_mutants_none_is_accepted():
    rng = random.Random(20260302)
    genuine = request(signed(URL, FIELDS))
    assert accepted(genuine)
    tried: Counter[bool] = Counter()

    while tried[False] + tried[True] < 1000:
        changed = mutant(genuine, rng)
        if meaning(changed) != meaning(genuine):
            tried[accepted(changed)] += 1

    assert tried == {False: 1000}


@pytest.mark.parametrize(
    "body",
    [
        urlencode({**dict(FIELDS), "SpeechResult": "a" * 2**20}).encode(),
        urlencode({**dict(FIELDS), "SpeechResult": "ü" * (2**20 // 6)}).encode(),
        b"&".join(b"%d=%s" % (number, b"v" * 1000) for number in range(1000)),
    ],
    ids=["one long value", "all percent-encoded", "many fields"],
)
def test_a_megabyte_is_verified_within_fifty_milliseconds(body):
    pairs = form(body)
    text = URL.encode() + b"".join(name + value for name, value in sorted(set(pairs)))
    asked = request(sign(Secret(TOKEN.encode(), "sha1"), text), body=body)

    def once() -> float:
        began = time.process_time()
        HOUSE.verify(asked)
        return time.process_time() - began

    assert min(once() for _ in range(5)) < 0.05


def test_a_flood_of_fields_is_refused_before_it_is_read():
    assert refusal(request("x", body=b"a=&" * 100_000)) == "bad_signature"


@given(st.binary(max_size=60) | st.from_regex(rb"(?:%[0-9a-fA-F]{1,2}|[%+ab]){0,20}", fullmatch=True))
def test_percent_encoding_is_read_as_the_standard_library_reads_it(text):
    assert decoded(text) == unquote_to_bytes(text.replace(b"+", b" "))
