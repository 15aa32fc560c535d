"""How requests leave the carrier: signed over the public address, repeated with care, retried while nobody listens."""

import asyncio
import random

import pytest
from aiohttp import web

from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.hooks import CALM, Chaos, Hooks, Target, client_session, step_of
from holdsvc.simulator.signing import sign
from tests.simulator.exchange import TOKEN, Script, carrier_for, free_port, opened


def test_an_address_of_the_service_is_reached_where_it_listens_and_no_other_is():
    target = Target("http://127.0.0.1:8080", TOKEN, public="https://hold.example.com/line")

    assert (
        target.reach("https://hold.example.com/line/hooks/twilio/wait?q=1")
        == "http://127.0.0.1:8080/hooks/twilio/wait?q=1"
    )
    assert target.reach("wss://hold.example.com/line/media/twilio/t") == "ws://127.0.0.1:8080/media/twilio/t"
    assert target.reach("https://hold.example.com/other") is None
    assert target.reach("https://hold.example.com.elsewhere.example/line") is None
    assert target.reach("http://127.0.0.1:8080/hooks") is None


async def test_the_signature_is_over_the_public_address():
    script = Script(RealClock(), call="<Hangup/>")
    heard = []
    script.app.middlewares.append(remember(heard))
    async with opened(script) as target, client_session() as client:
        public = Target(target.base, TOKEN, public="https://hold.example.com")
        hooks = carrier_hooks(public, client)
        await hooks.ask("https://hold.example.com/hooks/twilio/call?queue=a%20b#rc=2", {"CallSid": "CA1"}, call="CA1")

    path, signature = heard[0]
    assert path == "/hooks/twilio/call?queue=a%20b"
    assert signature == sign(TOKEN, "https://hold.example.com/hooks/twilio/call?queue=a%20b", [("CallSid", "CA1")])


def remember(heard):
    @web.middleware
    async def middleware(request, handler):
        heard.append((request.path_qs, request.headers.get("X-Twilio-Signature")))
        return await handler(request)

    return middleware


def carrier_hooks(target, client, chaos=CALM) -> Hooks:
    return Hooks(target, client, RealClock(), Findings(), chaos=chaos, rng=random.Random(1))


async def test_a_request_is_sent_again_until_the_service_is_back_and_the_call_is_remembered():
    script = Script(RealClock(), call="<Hangup/>")
    script.base = f"http://127.0.0.1:{free_port()}"
    async with client_session() as client:
        hooks = carrier_hooks(Target(script.base, TOKEN), client, Chaos(tries=8))
        asking = asyncio.create_task(hooks.ask(f"{script.base}/hooks/twilio/call", {"CallSid": "CA1"}, call="CA1"))
        async with asyncio.timeout(2):
            while hooks.retried < 2:
                await asyncio.sleep(0.01)
        async with opened(script):
            hook = await asking

    assert hook.status == 200
    assert 0.05 < hooks.delays["CA1"] < 2


async def test_who_looks_on_sees_each_request_and_its_answer():
    script, seen = Script(RealClock(), call="<Hangup/>"), []
    async with carrier_for(script, RealClock()) as carrier:
        carrier.hooks.watch = seen.append
        carrier.place("+15005550122", queue="support")
        await carrier.all_over()

    calls = [hook for hook in seen if hook.step == "call"]
    assert [(hook.answered, hook.status) for hook in calls] == [(False, 0), (True, 200)]
    assert calls[0].number == calls[1].number
    assert calls[1].body == b"<Response><Hangup/></Response>"


@pytest.mark.parametrize("url", ["https://a.example/hooks/twilio/wait?x=/y", "https://a.example/hooks/twilio/wait/"])
def test_the_step_is_the_last_part_of_the_path(url):
    assert step_of(url) == "wait"
