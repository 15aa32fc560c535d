"""The web application as a whole: who may ask what, and what every route answers."""

import base64
import hmac
import re

import pytest
from openapi_spec_validator import validate
from yarl import URL

from holdsvc import __version__, app
from holdsvc.audio.formats import SILENCE
from holdsvc.config import DirectorySettings
from holdsvc.simulator.sound import mu_law_of
from holdsvc.web import server
from holdsvc.web.access import Access, Guard, access_of
from holdsvc.web.openapi import description
from tests.engine.test_together import Fellow
from tests.service import TOKEN, a_call, running, settings_for

PUBLIC = {"/healthz", "/readyz", "/static/{name}", "/favicon.ico"}
SIGNED = {"/hooks/{platform}/{step}", "/media/{platform}/{token}", "/audio/{signature}/{hash}/{span}.wav"}
PROTECTED = (Access.TOKEN, Access.PAGE, Access.SCRAPE, Access.LISTEN)


def routes(tmp_path):
    options = app.Options(phone_token="t", ingest=False)
    application = app.build(settings_for(tmp_path), options=options)
    return [
        (route.method, route.resource.canonical, route.handler)
        for route in application.router.routes()
        if route.resource is not None
    ]


def test_every_route_is_authenticated_or_listed_as_public(tmp_path):
    seen = set()

    for method, path, handler in routes(tmp_path):
        kind = access_of(handler)
        assert kind is not None, f"{method} {path} does not say who may ask"
        assert (kind is Access.PUBLIC) == (path in PUBLIC), f"{method} {path}"
        assert (kind is Access.SIGNED) == (path in SIGNED), f"{method} {path}"
        seen.add(path)

    assert (
        PUBLIC | SIGNED | {"/metrics", "/phone", "/phone/line", "/audio/live/{shelf}", "/wall", "/api/v1/waits"} <= seen
    )


def filled(path):
    return re.sub(r"{\w+}", "x", path)


async def test_without_a_token_nobody_but_this_machine_is_let_in(tmp_path, unused_tcp_port):
    options = app.Options(phone_token="t", ingest=False)
    async with running(tmp_path, unused_tcp_port, options=options) as service:
        for method, path, handler in routes(tmp_path / "other"):
            if access_of(handler) not in PROTECTED:
                continue
            for headers in (
                {"Host": "hold.example.com"},
                {"X-Forwarded-For": "192.0.2.7"},
                {"Forwarded": "for=192.0.2.7"},
            ):
                response = await service.client.request(method, service.base + filled(path), headers=headers)
                assert response.status == 403, (method, path, headers)

        assert (await service.get("/api/v1/wall")).status == 200
        assert (await service.get("/metrics")).status == 200
        assert (await service.get("/wall")).status == 200


async def test_with_a_public_url_and_no_token_not_even_this_machine_is_let_in(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port, public_url="https://hold.example.com") as service:
        assert (await service.get("/api/v1/wall")).status == 403
        assert (await service.get("/wall")).status == 403
        assert (await service.get("/healthz")).status == 200


async def test_a_token_opens_the_api_and_a_wrong_one_does_not(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port, token="open sesame") as service:
        for given, status in (("", 403), ("Bearer open", 403), ("Basic open sesame", 403), ("Bearer open sesame", 200)):
            response = await service.get("/api/v1/waits", Authorization=given)
            assert response.status == status, given

        assert (await service.get("/wall")).status == 200, "the page is an empty frame that asks for the token"


async def test_after_a_restart_figures_and_wall_go_on_where_they_were(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        await service.document("wait", a_call(QueueTime="0"))
        await service.document("left", a_call(QueueResult="hangup", QueueTime="0"))
        await service.document("wait", a_call("CA" + "3" * 32, QueueTime="0"))
        before = await (await service.get("/metrics")).text()

    async with running(tmp_path, unused_tcp_port) as service:
        after = await (await service.get("/metrics")).text()
        wall = await service.json("/api/v1/wall")

    for text in (before, after):
        assert 'holdsvc_calls_total{outcome="short_abandoned",platform="twilio",queue="support"} 1.0' in text
        assert 'holdsvc_calls_waiting{queue="support"} 1.0' in text
        assert 'holdsvc_choices_total{choice="music",queue="support",via="default"} 2.0' in text
    assert (wall["waiting"], wall["short_abandoned"], wall["offered"]) == (1, 1, 2)


async def test_an_unsigned_or_tampered_hook_is_refused_and_counted(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        unsigned = await service.client.post(f"{service.base}/hooks/twilio/call?queue=support", data=a_call())
        wrong = await service.client.post(
            f"{service.base}/hooks/twilio/call?queue=support", data=a_call(), headers={"X-Twilio-Signature": "AAAA"}
        )
        metrics = await (await service.get("/metrics")).text()

    assert (unsigned.status, wrong.status) == (403, 403)
    assert await unsigned.read() == b""
    assert 'holdsvc_webhooks_rejected_total{platform="twilio",reason="missing_signature"} 1.0' in metrics
    assert 'holdsvc_webhooks_rejected_total{platform="twilio",reason="bad_signature"} 1.0' in metrics


async def test_a_socket_without_signature_or_token_is_refused_and_counted(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        for headers in ({}, {"X-Twilio-Signature": "AAAA"}):
            with pytest.raises(Exception, match="403"):
                await service.client.ws_connect(f"{service.base}/media/twilio/nothing", headers=headers)
        metrics = await (await service.get("/metrics")).text()

    assert 'reason="bad_signature"} 1.0' in metrics


ODD = {
    "no call": ({"CallSid": ""}, "queue=support"),
    "a nonsense call": ({"CallSid": "<script>"}, "queue=support"),
    "an unknown queue": ({"QueueTime": "0"}, "queue=nobody-knows"),
    "no queue": ({"QueueTime": "0"}, ""),
    "an absurd position": ({"QueuePosition": "-7", "QueueTime": "99999999999999"}, "queue=support"),
    "a position in words": ({"QueuePosition": "first", "QueueTime": "soon"}, "queue=support"),
    "a body of a megabyte": ({"CallerName": "x" * 1_000_000}, "queue=support"),
    "markup in a name": ({"CallerName": "</Say><Record/>", "From": "<b>"}, "queue=support"),
}


@pytest.mark.parametrize("case", ODD)
async def test_a_genuine_request_that_makes_no_sense_is_answered_with_sound(case, tmp_path, unused_tcp_port):
    fields, query = ODD[case]
    async with running(tmp_path, unused_tcp_port) as service:
        document = await service.document("wait", a_call(**fields), query)
        metrics = await (await service.get("/metrics")).text()

        play = document.find(".//Play")
        assert play is not None
        assert document.find("Redirect") is not None
        sound = await service.get("/" + play.text.partition("/audio")[1].lstrip("/") + play.text.partition("/audio")[2])
        assert sound.status == 200
        assert len(await sound.read()) > 8000
    counted = 'holdsvc_webhooks_rejected_total{platform="twilio",reason='
    if case in ("no call", "a nonsense call", "an unknown queue", "a body of a megabyte"):
        assert counted in metrics


async def test_broken_utf8_in_a_genuine_request_is_answered_with_sound(tmp_path, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/hooks/twilio/wait?queue=support"
    body = b"CallSid=CA11111111111111111111111111111111&CallerName=%ff%fe%c3"
    signed = url.encode() + b"CallSid" + b"CA11111111111111111111111111111111" + b"CallerName" + b"\xff\xfe\xc3"
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed, "sha1")).decode()
    kind = "application/x-www-form-urlencoded"
    async with running(tmp_path, unused_tcp_port) as service:
        response = await service.client.post(
            url, data=body, headers={"Content-Type": kind, "X-Twilio-Signature": signature}
        )
        text = await response.text()

    assert response.status == 200
    assert "<Play>" in text


async def test_a_fault_of_our_own_is_answered_with_sound_and_counted(tmp_path, unused_tcp_port, monkeypatch):
    async with running(tmp_path, unused_tcp_port) as service:

        async def broken(report):
            raise ZeroDivisionError

        object.__setattr__(service.house.intake, "report", broken)
        document = await service.document("wait", a_call(QueueTime="0"))
        metrics = await (await service.get("/metrics")).text()

    assert document.find(".//Play") is not None
    assert 'reason="fault"} 1.0' in metrics


async def test_a_fallback_keeps_the_caller_in_the_queue_that_the_address_names(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:

        async def broken(report):
            raise ZeroDivisionError

        object.__setattr__(service.house.intake, "report", broken)
        document = await service.document("call", a_call(), "queue=sales")

    enqueue = document.find("Enqueue")
    assert enqueue.text == "sales"
    assert "queue=sales" in enqueue.attrib["waitUrl"]


@pytest.mark.parametrize(
    "name", ["%2Fetc%2Fpasswd", "..%2F..%2Fpages%2Fphone.html", "%2e%2e/phone.html", "x" * 300, "__init__.py"]
)
async def test_only_the_pages_own_files_are_static(name, tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        response = await service.client.get(URL(f"{service.base}/static/{name}", encoded=True))

        assert response.status == 404
        assert (await service.get("/static/phone.js")).status == 200


async def test_another_sites_page_in_the_same_browser_may_do_nothing(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        url = f"{service.base}/api/v1/callers/forget"
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            response = await service.client.post(url, data=b'{"number": "+15005550123"}', headers=headers)
            assert response.status == 403, headers

        own = await service.client.post(url, json={"number": "+15005550123"}, headers={"Origin": service.base})
        assert own.status == 200


async def test_a_forgotten_caller_is_gone_from_the_live_call_too(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        await service.document("wait", a_call(QueueTime="0"))
        before = await service.json(f"/api/v1/calls/{a_call()['CallSid']}")
        await service.client.post(f"{service.base}/api/v1/callers/forget", json={"number": "+1 (500) 555-0123"})
        after = await service.json(f"/api/v1/calls/{a_call()['CallSid']}")

    assert before["masked"]
    assert (after["caller"], after["masked"], after["contact"]) == (None, "", None)


async def test_a_directory_that_is_faster_than_the_disk_is_heard(tmp_path, unused_tcp_port):
    table = tmp_path / "customers.csv"
    table.write_text("number,name,account\n+15005550123,Ada,77\n")
    directories = {"customers": DirectorySettings(kind="table", path=str(table))}
    async with running(tmp_path / "data", unused_tcp_port, directories=directories) as service:
        await service.document("call", a_call())
        await service.house.intake.settle()
        context = await service.json(f"/api/v1/calls/{a_call()['CallSid']}")

    assert context["contact"]["name"] == "Ada"
    assert context["brief"][0] == "By the number: Ada, account 77."


async def test_a_release_of_a_caller_who_is_on_no_stream_is_refused_in_a_sentence(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        await service.document("wait", a_call(QueueTime="0"))
        response = await service.client.post(f"{service.base}/api/v1/calls/{a_call()['CallSid']}/release")

        assert response.status == 409
        assert "platform's own queue" in (await response.json())["error"]


async def test_sound_comes_whole_in_ranges_and_not_at_all_under_a_wrong_signature(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        document = await service.document("wait", a_call(QueueTime="0"))
        path = "/audio" + document.find(".//Play").text.partition("/audio")[2]

        whole = await service.get(path)
        body = await whole.read()
        part = await service.get(path, Range="bytes=100-199")
        tail = await service.get(path, Range="bytes=-50")
        beyond = await service.get(path, Range="bytes=99999999-")
        again = await service.get(path, **{"If-None-Match": whole.headers["ETag"]})
        forged = await service.get(path.replace("0-10.00", "0-20.00"))

        assert (whole.status, whole.headers["Content-Type"]) == (200, "audio/wav")
        assert "max-age" in whole.headers["Cache-Control"]
        assert "immutable" in whole.headers["Cache-Control"]
        assert (part.status, await part.read()) == (206, body[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(body)}"
        assert (tail.status, await tail.read()) == (206, body[-50:])
        assert beyond.status == 416
        assert again.status == 304
        assert forged.status == 404


async def test_what_no_process_has_any_more_is_the_house_track_and_kept_by_no_cache_and_a_prompt_is_hardly_heard(
    tmp_path, unused_tcp_port
):
    async with running(tmp_path, unused_tcp_port) as service:
        address = service.house.links._sound(f"{'0' * 32}/600-620.00.wav").partition("/audio")[2]
        prompt = service.house.links._sound(f"{'0' * 32}/all.wav").partition("/audio")[2]

        alone = await service.get(f"/audio{address}")
        service.house.together.fellows = service.house.stretches._fellows = Fellow([])
        shared = await service.get(f"/audio{address}")
        left_out = await service.get(f"/audio{prompt}")
        body, hardly = await shared.read(), await left_out.read()
        service.house.together.fellows = None

    assert (alone.status, shared.status, left_out.status) == (404, 200, 200)
    assert "no-store" in shared.headers["Cache-Control"]
    assert len(mu_law_of(body)) == 20 * 8000
    assert set(mu_law_of(hardly)) == {SILENCE}


async def test_pages_carry_a_policy_and_answers_are_not_kept_by_caches(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        wall, nothing, wrong = [await service.get(path) for path in ("/wall", "/nowhere", "/api/v1/calls/none")]

    for response in (wall, nothing, wrong):
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
    assert "unsafe-inline" not in wall.headers["Content-Security-Policy"]
    assert (nothing.status, wrong.status) == (404, 404)


def test_the_description_of_the_api_is_valid_and_names_every_route_of_it(tmp_path):
    described = description(__version__)

    validate(described)

    paths = {path for _, path, _ in routes(tmp_path) if path.startswith("/api/v1/") and path != "/api/v1/events"}
    assert set(described["paths"]) == paths | {"/audio/live/{shelf}"}


async def test_the_stream_of_events_tells_the_wall_each_second(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        response = await service.get("/api/v1/events")
        text = (await response.content.readuntil(b"\n\n") + await response.content.readuntil(b"\n\n")).decode()
        response.close()

    assert response.headers["Content-Type"] == "text/event-stream"
    assert "event: wall\ndata: {" in text


async def test_a_wrong_query_is_named(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        for query in ("most=many", "outcome=lost", "since=yesterday", "most=0", "after=-1"):
            response = await service.get(f"/api/v1/waits?{query}")
            assert response.status == 400, query
            assert (await response.json())["error"]


def test_the_routes_of_the_server_stand_in_one_place():
    assert len({(route.method, route.path) for route in server.routes()}) == len(server.routes())


class Scraping:
    def __init__(self, remote, **headers):
        self.remote, self.headers, self.host = remote, {"Host": "hold.example.com", **headers}, "hold.example.com"


def test_figures_are_for_the_networks_that_the_settings_name_and_not_for_whom_a_proxy_among_them_serves():
    guard = Guard("open sesame", ("10.1.0.0/16",), public=True)

    def admitted(remote, **headers):
        return guard.admits(Scraping(remote, **headers), Access.SCRAPE)

    assert admitted("10.1.2.3")
    assert not admitted("10.2.0.1")
    assert not admitted("10.1.2.3", **{"X-Forwarded-For": "192.0.2.7"})
    assert not admitted("10.1.2.3", Via="1.1 proxy")
    assert admitted("192.0.2.7", Authorization="Bearer open sesame")
