import random
import string

from twilio.request_validator import RequestValidator

from holdsvc.simulator.signing import sign

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
URL = "https://holdsvc.example.com/twilio/wait?site=7"


def test_known_requests_are_signed_as_the_vendor_signs_them():
    fields = [("CallSid", "CAaaaabbbbccccddddeeeeffff00001111"), ("From", "+15005550122"), ("QueuePosition", "2")]

    assert sign(TOKEN, URL, fields) == "tCc2oac00RGw3I3Qrw7ZOmV87gk="
    assert sign(TOKEN, URL, [("K", "b"), ("K", "a"), ("K", "b")]) == "33fTy6XdYBxHol4To4v8azOsxeQ="
    assert sign(TOKEN, "wss://holdsvc.example.com/twilio/media") == "IzUu5zFFshFn7XeoozfrZKLaNII="


def test_a_fragment_is_an_instruction_to_the_carrier_and_is_not_signed():
    assert sign(TOKEN, URL + "#rc=2&rp=all") == sign(TOKEN, URL)


def test_the_vendors_own_validator_takes_what_we_sign():
    rng, validator = random.Random(3), RequestValidator(TOKEN)
    letters = string.ascii_letters + string.digits + " +&=%ßé☎"

    for _ in range(200):
        fields = {f"Field{n}": "".join(rng.choices(letters, k=rng.randrange(12))) for n in range(rng.randrange(6))}
        assert validator.validate(URL, fields, sign(TOKEN, URL, fields.items()))
        fields["Added"] = "later"
        assert not validator.validate(URL, fields, sign(TOKEN, URL, list(fields.items())[:-1]))
