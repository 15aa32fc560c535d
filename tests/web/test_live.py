"""`/audio/live/{shelf}`: who may listen, what a player is told, and that the sound is sound."""

import asyncio
import io
import json
import socket
from contextlib import asynccontextmanager

import av
import numpy as np
import pytest
from msgspec.structs import replace

from holdsvc.cli import run
from holdsvc.config import LiveSettings, load
from holdsvc.errors import ConfigError
from holdsvc.web.access import Access, Guard
from tests.service import running, settings_for, until

BURST_SECONDS = 4 * 0.504


@asynccontextmanager
async def house(tmp_path, port, *, take_over=True, **live):
    streams = replace(settings_for(tmp_path).streams, take_over=take_over)
    async with running(tmp_path, port, streams=streams, live=LiveSettings(**live)) as service:
        yield service


async def asked(port, path="/audio/live/music.mp3", method="GET", host="127.0.0.1", more=""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.0\r\nHost: {host}\r\nIcy-MetaData: 1\r\n{more}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    return reader, writer, head


def decoded(mp3):
    with av.open(io.BytesIO(mp3), format="mp3") as file:
        return np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])


@pytest.mark.parametrize("take_over", [True, False])
async def test_a_player_hears_two_seconds_at_once_and_then_more(take_over, tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port, take_over=take_over) as service:
        reader, writer, head = await asked(unused_tcp_port)
        burst = await reader.readexactly(round(BURST_SECONDS * 8000))
        following = await reader.readexactly(round(0.504 * 8000))
        listeners = len(service.house.broadcast)
        writer.close()

    assert head.startswith("HTTP/1.1 200 OK\r\n")
    for line in ("Content-Type: audio/mpeg", "icy-name: holdsvc music", "icy-br: 64", "Connection: close"):
        assert f"\r\n{line}\r\n" in head
    assert "content-length" not in head.lower()
    assert "transfer-encoding" not in head.lower()
    assert "icy-metaint" not in head.lower(), "no words among the frames"
    sound = decoded(burst + following)
    assert sound.size == 5 * 14 * 576
    assert np.sqrt(np.mean(sound[8000:] ** 2)) > 0.02
    assert listeners == 1


@pytest.mark.parametrize("path", ["/audio/live/classical", "/audio/live/classical.mp3", "/audio/live/music"])
async def test_a_shelf_has_its_name_with_and_without_its_ending(path, tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port):
        _, writer, head = await asked(unused_tcp_port, path)
        writer.close()

    assert head.startswith("HTTP/1.1 200 OK\r\n")


async def test_an_unknown_shelf_is_answered_with_those_that_there_are(tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port) as service:
        response = await service.get("/audio/live/polka.mp3")
        text = await response.text()

    assert response.status == 404
    assert text == "There is no shelf 'polka'; there are classical, music.\n"


@pytest.mark.parametrize("take_over", [True, False])
async def test_a_question_for_the_head_is_answered_and_starts_nothing(take_over, tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port, take_over=take_over) as service:
        response = await service.client.head(f"{service.base}/audio/live/music.mp3")
        on_air = service.house.broadcast.on_air

    assert response.status == 200
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.headers["icy-name"] == "holdsvc music"
    assert "Content-Length" not in response.headers
    assert on_air == ()


@pytest.mark.parametrize("take_over", [True, False])
async def test_all_who_listen_hear_the_same_bytes(take_over, tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port, take_over=take_over):
        lines = [await asked(unused_tcp_port) for _ in range(20)]
        heard = await asyncio.gather(*(reader.readexactly(24_000) for reader, _, _ in lines))
        for _, writer, _ in lines:
            writer.close()

    assert len(set(heard)) == 1


@pytest.mark.parametrize("take_over", [True, False])
async def test_when_all_places_are_taken_the_next_is_told_so_and_one_who_leaves_makes_room(
    take_over, tmp_path, unused_tcp_port
):
    async with house(tmp_path, unused_tcp_port, take_over=take_over, most=2) as service:
        lines = [await asked(unused_tcp_port) for _ in range(2)]
        refused = await service.get("/audio/live/music.mp3")
        sentence = await refused.text()
        for _, writer, _ in lines:
            writer.close()
        await until(lambda: len(service.house.broadcast) == 0)
        _, writer, head = await asked(unused_tcp_port)
        writer.close()

    assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
    assert sentence == "All places are taken; live.most says how many there are.\n"
    assert head.startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize("take_over", [True, False])
async def test_one_who_does_not_read_is_cut_and_the_others_hear_on(take_over, tmp_path, unused_tcp_port, monkeypatch):
    monkeypatch.setattr("holdsvc.engine.broadcast.ROW", 4)
    monkeypatch.setattr("holdsvc.web.live.SEND_BUFFER", 4096)
    monkeypatch.setattr("holdsvc.web.live.HELD", 4096)
    async with house(tmp_path, unused_tcp_port, take_over=take_over, bitrate=160) as service:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(slow.connect, ("127.0.0.1", unused_tcp_port))
        slow.sendall(b"GET /audio/live/music HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        reader, writer, _ = await asked(unused_tcp_port)
        await until(lambda: len(service.house.broadcast) == 2)

        heard = bytearray()
        async with asyncio.timeout(30):
            while len(service.house.broadcast) == 2:
                heard += await reader.read(65536)
            heard += await reader.readexactly(20_000)
        writer.close()
        slow.close()

    assert decoded(bytes(heard)).size > 16_000


@pytest.mark.parametrize("take_over", [True, False])
async def test_when_the_house_closes_listeners_are_let_go_and_keep_nobody_waiting(take_over, tmp_path, unused_tcp_port):
    async with asyncio.timeout(10):
        async with house(tmp_path, unused_tcp_port, take_over=take_over):
            reader, writer, _ = await asked(unused_tcp_port)
            await reader.readexactly(1000)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1 << 20)
        writer.close()


async def test_listening_is_for_this_machine_and_not_for_a_proxy_on_it(tmp_path, unused_tcp_port):
    async with house(tmp_path, unused_tcp_port):
        for host, more, status in (
            ("127.0.0.1", "", "200"),
            ("hold.example.com", "", "403"),
            ("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", "403"),
        ):
            _, writer, head = await asked(unused_tcp_port, host=host, more=more)
            writer.close()
            assert head.split()[1] == status, (host, more)


class Asking:
    def __init__(self, remote, **headers):
        self.remote, self.headers, self.host = remote, {"Host": "hold.example.com", **headers}, "hold.example.com"


def test_networks_that_the_settings_name_may_listen_and_so_may_the_token():
    guard = Guard("open sesame", (), ("10.1.0.0/16", "127.0.0.1/32", "2001:db8::/32"), public=True)

    def admitted(remote, **headers):
        return guard.admits(Asking(remote, **headers), Access.LISTEN)

    assert admitted("10.1.2.3")
    assert admitted("::ffff:10.1.2.3")
    assert admitted("2001:db8::7")
    assert admitted("127.0.0.1"), "named, although a public URL is set"
    assert admitted("192.0.2.7", Authorization="Bearer open sesame")
    assert not admitted("192.0.2.7")
    assert not admitted("10.2.0.1")
    assert not admitted("10.1.2.3", Via="1.1 proxy")
    assert not admitted("not an address")
    assert not Guard("", (), (), public=True).admits(Asking("127.0.0.1", Host="127.0.0.1"), Access.LISTEN)


def test_settings_that_will_not_do_are_named():
    for variable, value, key in (
        ("HOLDSVC_LIVE__BITRATE", "65", "live.bitrate"),
        ("HOLDSVC_LIVE__ALLOW", "10.1", "live.allow"),
        ("HOLDSVC_LIVE__LOUDNESS", "11", "live.loudness"),
    ):
        with pytest.raises(ConfigError, match=key):
            load(environ={variable: value})


async def test_what_two_players_were_sent_stands_in_the_report_on_plays(tmp_path, unused_tcp_port, capsys, monkeypatch):
    async with house(tmp_path, unused_tcp_port):
        lines = [await asked(unused_tcp_port) for _ in range(2)]
        for reader, _, _ in lines:
            await reader.readexactly(round(BURST_SECONDS * 8000))
        for _, writer, _ in lines:
            writer.close()
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))

    assert await asyncio.to_thread(run, ("report", "plays", "--format", "json")) == 0

    [row] = json.loads(capsys.readouterr().out)["sections"]["plays"]["rows"]
    assert (row["way"], row["plays"], row["callers"], row["kind"]) == ("live", 1, None, "music")
    assert 2 * BURST_SECONDS - 0.02 <= row["seconds"] <= 2 * (BURST_SECONDS + 5.0)
    assert (row["licence"], row["heard_in"], row["remark"]) == ("CC0-1.0", "US", "")
    assert row["title"]
