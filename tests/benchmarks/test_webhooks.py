"""The benchmark's client tells the truth: it misses nothing, and notices what is wrong. Its figures are not judged here."""

from msgspec.structs import replace

from tests.benchmarks.dialogues import Writer
from tests.benchmarks.load import closed_loop, connect
from tests.benchmarks.webhooks import Stack, check, told
from tests.faults.service import HOST, Service


async def test_every_request_is_answered_rightly_and_every_call_is_counted_by_the_service(tmp_path):
    service = Service(tmp_path)
    service.start()
    try:
        service.wait_until_ready()
        stack = Stack("durable", service, core=0)
        await stack.open()
        stack.rounds.append(await stack.round(1024))
        stack.open_rounds.append(await stack.round(1024, rate=1000.0))
        counted = await stack.counted()
        await stack.close()
    finally:
        service.stop()

    check(stack, counted)
    for done in (*stack.rounds, *stack.open_rounds):
        assert (done.requests, len(done.seconds)) == (1024, 1024), told(done)
        assert done.server.cpu > 0
        assert min(done.seconds) > 0
    assert stack.open_rounds[0].per_wall <= 1000.0
    assert service.command("audit").returncode == 0


async def test_an_answer_that_is_not_right_is_noticed(tmp_path):
    service = Service(tmp_path, STORE__URL="memory:")
    service.start()
    try:
        service.wait_until_ready()
        genuine = Writer(service).request("call", 1)
        forged = replace(genuine, wire=genuine.wire.replace(b"SPRINGFIELD", b"SPRINGFIELT"))
        misread = replace(genuine, must_say=b"<Gather")
        lines = await connect(HOST, service.port, 3)
        await closed_loop(lines, [[genuine], [forged], [misread]])
    finally:
        service.stop()

    assert [line.wrong for line in lines] == [0, 1, 1]
