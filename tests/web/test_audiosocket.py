"""Calls over AudioSocket, on loopback and in real time: the whole service on one side, Asterisk as it was seen on the other."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import numpy as np
import pytest
from msgspec.structs import replace

from holdsvc import app
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import decode
from holdsvc.calls.model import ContentId, PromptId
from holdsvc.config import AudioSocketSettings
from holdsvc.engine import ring
from holdsvc.engine.limits import MOST_FRAMES
from holdsvc.errors import ConfigError
from holdsvc.simulator.audiosocket import dial
from holdsvc.web import audiosocket
from tests.service import CALLER, running, settings_for, until

HERE = "127.0.0.1"
CALL = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")


class Line:
    """The service, and the way to it."""

    def __init__(self, service, port):
        self.service, self.port = service, port
        self.house = service.house

    async def announce(self, status=200, **wanted):
        wanted = {"queue": "support", "caller": CALLER, **wanted}
        async with self.service.client.post(f"{self.service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def dial(self, call=CALL):
        await self.announce(uuid=str(call))
        return await dial(HERE, self.port, call)

    async def release(self, call=CALL):
        async with self.service.client.post(f"{self.service.base}/api/v1/calls/{call}/release") as response:
            assert response.status == 200, await response.text()

    async def waits(self):
        await self.house.streams.settle()
        await self.house.intake.settle()
        return (await self.service.json("/api/v1/waits"))["waits"]

    async def rejected(self, reason):
        return f'reason="{reason}"' in await (await self.service.get("/metrics")).text()


@pytest.fixture
def lines(tmp_path, unused_tcp_port_factory):
    @asynccontextmanager
    async def opened(**changes):
        port = unused_tcp_port_factory()
        queues = settings_for(tmp_path).queues
        queues = {**queues, "support": replace(queues["support"], short_abandon=0.5)}
        given = {"audiosocket": AudioSocketSettings(HERE, port), "queues": queues, **changes}
        async with running(tmp_path, unused_tcp_port_factory(), **given) as service:
            yield Line(service, port)

    return opened


def place_of(heard, sound, tail=RATE // 10):
    """Where in a sound the last tenth of a second that was heard is; None if it is not of it."""
    last = np.frombuffer(bytes(heard.sound[-2 * tail :]), "<i2").tobytes()
    found = decode(sound).astype("<i2").tobytes().find(last)
    return found // 2 / RATE if found >= 0 else None


async def content_of(line, kind):
    """What one of the kind sounds like, by id."""
    items = line.house.plans.items()
    return {item.id: line.house.sounds.content(item.id) for item in items if item.kind.value == kind}


# --- a call ------------------------------------------------------------------------------------------------------------


async def test_a_caller_hears_music_at_once_then_what_a_key_asks_for_then_hangs_up(lines):
    async with lines() as line:
        leg = await line.dial()
        await leg.hear(0.6)
        first = leg.heard.at[0]
        playing = [name for name, sound in (await content_of(line, "music")).items() if place_of(leg.heard, sound)]

        leg.press("5")
        pressed = leg.heard.seconds
        await leg.hear(pressed + 4)
        shelf = await content_of(line, "quiet")
        after = [name for name, sound in shelf.items() if place_of(leg.heard, sound) is not None]
        waiting = await line.service.json("/api/v1/calls")
        waited = leg.now
        await leg.hang_up()
        await until(lambda: not len(line.house.streams))
        wait = (await line.waits())[0]

    assert leg.heard.findings == []
    assert first < 0.1 + leg.heard.asleep
    assert len(playing) == 1
    assert len(after) == 1
    assert [(one["call"], one["platform"], one["hearing"]) for one in waiting["calls"]] == [
        (str(CALL), "audiosocket", after[0])
    ]
    assert wait["outcome"] == "abandoned"
    assert wait["seconds"] == pytest.approx(waited, abs=0.3 + leg.heard.asleep)
    assert {one["what"] for one in wait["choices"]} >= {"quiet"}


async def test_where_the_system_refuses_a_ring_frames_go_out_one_by_one_and_the_log_says_so(lines, monkeypatch, caplog):
    monkeypatch.setattr(ring, "SETUP", 5000)  # a system call that no kernel knows
    caplog.set_level("INFO")

    async with lines() as line:
        leg = await line.dial()
        await leg.hear(0.6)
        shelf = await content_of(line, "music")
        playing = [name for name, sound in shelf.items() if place_of(leg.heard, sound) is not None]
        await leg.hang_up()
        await until(lambda: not len(line.house.streams))

    assert len(playing) == 1
    assert leg.heard.findings == []
    (opened,) = [record for record in caplog.records if record.message == "lines_open"]
    assert opened.sending == "one by one, for io_uring is refused: Function not implemented"


async def test_sound_is_paced_to_the_frame(lines):
    async with lines() as line:
        for _ in range(5):  # until the machine left us alone for two seconds
            leg = await line.dial(uuid4())
            await leg.hear(2)
            took = leg.now
            await leg.hang_up()
            if leg.heard.asleep < 0.02:
                break

    assert leg.heard.findings == []
    assert leg.heard.of_the_pace() == []
    assert leg.heard.seconds == pytest.approx(took, abs=0.2 + leg.heard.asleep)
    if leg.heard.asleep < 0.02:
        ahead, behind = leg.heard.lead()
        assert ahead <= 0.045, "frames come when they are to be heard"
        assert behind <= 0.1


async def test_a_release_is_told_to_the_caller_and_then_the_dialplan_goes_on(lines):
    async with lines() as line:
        leg = await line.dial()
        await leg.hear(0.7)

        await line.release()
        await line.release()
        async with asyncio.timeout(6):
            how = await leg.over
        connecting = line.house.sounds.prompt("en", PromptId("connecting"))
        wait = (await line.waits())[0]

    assert how == "ended", "its own farewell, which the dialplan takes for a success"
    assert leg.heard.findings == []
    assert bytes(leg.heard.sound).endswith(decode(connecting[1600:]).astype("<i2").tobytes())
    assert wait["outcome"] == "answered"


async def test_without_an_answer_silence_flows_then_the_houses_music(lines):
    async with lines() as line:
        held = asyncio.Event()
        take = line.house.streams._take

        async def late(*news):
            await held.wait()
            return await take(*news)

        line.house.streams._take = late
        leg = await line.dial()
        await leg.hear(0.6)
        house = line.house.sounds.content(ContentId(line.house.plans.plan("support").house))
        heard_house = place_of(leg.heard, house)
        held.set()
        await leg.hang_up()

    assert leg.heard.at[0] < 0.1 + leg.heard.asleep
    assert leg.heard.findings == []
    assert heard_house is not None


async def test_when_the_service_stops_the_dialplan_goes_on(lines):
    async with lines() as line:
        leg = await line.dial()
        await leg.hear(0.3)

    assert await leg.over == "ended"


# --- who is let in -------------------------------------------------------------------------------------------------------


async def test_a_call_that_was_not_announced_is_sent_on_its_way(lines):
    async with lines() as line:
        leg = await dial(HERE, line.port, uuid4())

        assert await leg.over == "ended"
        assert not leg.heard.at
        assert await line.rejected("token_unknown")


async def test_an_announcement_is_good_for_one_connection(lines):
    async with lines() as line:
        first = await line.dial()
        await first.hear(0.1)
        second = await dial(HERE, line.port, CALL)

        assert await second.over == "ended"
        assert await line.rejected("token_used")
        await line.announce(409, uuid=str(CALL))
        await first.hang_up()
        await until(lambda: not len(line.house.streams))
        await line.house.intake.settle()
        await line.announce(409, uuid=str(CALL))


async def test_an_announcement_may_be_repeated_until_the_call_connects(lines):
    async with lines() as line:
        await line.announce(uuid=str(CALL))
        leg = await line.dial()
        await leg.hear(0.1)
        await leg.hang_up()
        await until(lambda: not len(line.house.streams))

        assert len(await line.waits()) == 1


async def test_without_an_id_one_is_made_and_it_is_good(lines):
    async with lines() as line:
        told = await line.announce()
        leg = await dial(HERE, line.port, UUID(told["call"]))
        await leg.hear(0.1)
        await leg.hang_up()

    assert told["seconds"] == 60
    assert leg.heard.at


async def test_a_dialplan_may_announce_by_form(lines):
    async with lines() as line:
        form = {"uuid": str(CALL), "queue": "support", "caller": CALLER}
        async with line.service.client.post(f"{line.service.base}/api/v1/calls/announce", data=form) as response:
            assert (response.status, (await response.json())["call"]) == (200, str(CALL))
        assert (await line.service.json(f"/api/v1/calls/{CALL}"))["masked"].endswith(CALLER[-2:])


@pytest.mark.parametrize(
    "wanted",
    [
        {"uuid": "mine"},
        {"queue": ""},
        {"queue": "x" * 65},
        {"queue": "a\nb"},
        {"caller": "1" * 300},
        {"color": "red"},
        {"queue": 7},
    ],
)
async def test_an_announcement_that_makes_no_sense_is_refused_with_a_sentence(lines, wanted):
    async with lines() as line:
        assert (await line.announce(400, **wanted))["error"]
        assert await line.waits() == []


async def test_when_all_streams_are_taken_the_announcement_says_so_and_so_does_the_line(lines):
    async with lines() as line:
        await line.announce(uuid=str(CALL))
        line.house.streams._most = 0

        await line.announce(503)
        leg = await dial(HERE, line.port, CALL)
        assert await leg.over == "ended"
        assert await line.rejected("streams_full")

        line.house.streams._most = 10
        again = await dial(HERE, line.port, CALL)
        await again.hear(0.1)
        await again.hang_up()
    assert again.heard.at, "the token was not spent"


async def test_where_it_is_off_nobody_listens_and_nothing_is_announced(lines):
    async with lines(audiosocket=AudioSocketSettings()) as line:
        await line.announce(404)
        with pytest.raises(ConnectionRefusedError):
            await dial(HERE, line.port, CALL)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (AudioSocketSettings("0.0.0.0", 9092), "audiosocket.host"),
        (AudioSocketSettings("0.0.0.0", 9092, ("10.1.0.0/99",)), "audiosocket.allow"),
    ],
)
def test_settings_that_let_in_everybody_or_nobody_are_refused(tmp_path, given, key):
    with pytest.raises(ConfigError) as refused:
        app.build(settings_for(tmp_path, audiosocket=given))

    assert refused.value.key == key


async def test_a_port_that_is_taken_is_told(lines, unused_tcp_port_factory):
    port = unused_tcp_port_factory()
    refusal = pytest.raises(ConfigError, match=r"audiosocket\.port: cannot listen on 127\.0\.0\.1")
    with socket.create_server((HERE, port)), refusal:
        async with lines(audiosocket=AudioSocketSettings(HERE, port)):
            pass


def test_who_may_connect_is_this_machine_and_who_was_named():
    desk = audiosocket.Desk(None, None, audiosocket.networks("0.0.0.0", ("10.1.0.0/16", "2001:db8::/32")), 5.0)

    admitted = ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3", "::ffff:127.0.0.1", "2001:db8::7"]
    assert [peer for peer in admitted if not desk.admits(peer)] == []
    refused = ["10.2.0.1", "192.0.2.1", "::ffff:192.0.2.1", "2001:db9::7", "", "unix"]
    assert [peer for peer in refused if desk.admits(peer)] == []


# --- strangers -----------------------------------------------------------------------------------------------------------


async def talk(port, *pieces):
    """Says the pieces, one write each; returns what came until the end of the connection."""
    reader, writer = await asyncio.open_connection(HERE, port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "too_long"),
        (b"\x10\x01\x40" + bytes(320), "bad_start"),
        (b"\x01\x00\x03abc", "bad_start"),
        (b"\x77\x00\x01a", "unknown_kind"),
        (b"\x00\x00\x00", "bad_start"),
    ],
)
async def test_who_does_not_say_which_call_it_is_is_gone(lines, said, reason):
    async with lines() as line:
        assert await talk(line.port, said) == b"\x00\x00\x00"
        assert await line.rejected(reason)


async def test_who_says_nothing_is_gone_after_a_while_and_they_are_never_many(lines, monkeypatch):
    monkeypatch.setattr(audiosocket, "MOST_UNNAMED", 20)
    async with lines() as line:
        strangers = [await asyncio.open_connection(HERE, line.port) for _ in range(40)]
        turned_away = strangers[20:]
        for reader, _ in turned_away:
            assert await ended(reader)
        assert await line.rejected("too_many_unnamed")
        for _, writer in strangers:
            writer.close()
        async with asyncio.timeout(5):
            heard = False
            while not heard:
                leg = await line.dial(uuid4())
                await leg.hear(0.1)
                await leg.hang_up()
                heard = bool(leg.heard.at)


async def ended(reader):
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_a_call_that_starts_too_late_is_gone(lines, monkeypatch):
    monkeypatch.setattr(audiosocket.open_lines.__wrapped__, "__defaults__", (0.05,))
    async with lines() as line:
        assert await talk(line.port) == b"\x00\x00\x00"
        assert await line.rejected("no_start")


async def test_a_call_that_breaks_the_format_is_ended(lines):
    async with lines() as line:
        await line.announce(uuid=str(CALL))

        heard = await talk(line.port, b"\x01\x00\x10" + CALL.bytes, struct.pack(">BH", 0x10, 60_000))

        assert heard.endswith(b"\x00\x00\x00")
        assert not len(line.house.streams)


async def test_who_floods_us_with_sound_is_gone_and_who_was_held_up_is_not(lines):
    frame = b"\x10\x01\x40" + bytes(320)
    async with lines() as line:
        await line.announce(uuid=str(CALL))
        heard = await talk(line.port, b"\x01\x00\x10" + CALL.bytes, frame * 2 * MOST_FRAMES)
        assert heard.endswith(b"\x00\x00\x00") or heard == b"", "an end that is read, or a reset"
        assert await line.rejected("too_many_frames")
        assert not len(line.house.streams)

        leg = await line.dial(uuid4())
        leg._writer.write(frame * 1000)
        await leg.hear(0.5)
        assert not leg.over.done()
        await leg.hang_up()


async def test_a_call_in_single_bytes_is_a_call(lines):
    async with lines() as line:
        await line.announce(uuid=str(CALL))
        reader, writer = await asyncio.open_connection(HERE, line.port)
        for byte in b"\x01\x00\x10" + CALL.bytes:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert (await reader.readexactly(323))[:3] == b"\x10\x01\x40"
        writer.close()


async def test_who_does_not_listen_is_sent_nothing_more_and_hurts_nobody(lines):
    async with lines() as line:
        await line.announce(uuid=str(CALL))
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, (HERE, line.port))
        await asyncio.get_running_loop().sock_sendall(deaf, b"\x01\x00\x10" + CALL.bytes)
        good = await line.dial(uuid4())

        await good.hear(2)

        stream = next(one for one in line.house.streams._streams if one.ticket.ref.call == str(CALL))
        assert stream.socket.backlog <= stream.wire.high_mark + 16 * 323, "what lay on the belt comes on top"
        assert 'holdsvc_stream_cuts_total{wire="audiosocket"} ' in await (await line.service.get("/metrics")).text()
        assert good.heard.findings == []
        await good.hang_up()
        deaf.close()
