"""A live stream was answered at once, and another process had kept something first: the caller hears the new answer."""

from msgspec.structs import replace

from holdsvc.calls.events import DigitPressed, Heard, StreamOpened
from holdsvc.calls.instructions import Play
from tests.engine.test_intake import House, arrived
from tests.plans import CALL, QUEUE, after


class Two(House):
    """`others` are kept by another process while ours decides."""

    def __init__(self):
        super().__init__()
        self.corrected = []
        self.intake.corrected = self.corrected.append

    async def on_stream(self):
        await self.hook(arrived(), stream=True)
        await self.intake.take(CALL, QUEUE, (StreamOpened(at=after(1), id="opened"),))

    async def meanwhile(self, **changes):
        kept = await self.store.load(CALL)
        await self.store.save(replace(kept, version=kept.version + 1, **changes), ())


async def test_what_another_process_kept_first_changes_what_the_caller_hears():
    house = Two()
    await house.on_stream()

    pressed = await house.intake.take_now(CALL, QUEUE, (DigitPressed(at=after(2), id="key", digit="1"),))
    await house.meanwhile(gain=6.0)
    await house.intake.settle()

    (again,) = house.corrected
    assert [one.gain for one in pressed.instructions if isinstance(one, Play)] == [0.0]
    assert [one.gain for one in again.instructions if isinstance(one, Play)] == [6.0]
    assert (await house.store.load(CALL)).version == again.session.version


async def test_an_answer_that_stays_the_same_is_not_played_anew():
    house = Two()
    await house.on_stream()

    await house.intake.take_now(CALL, QUEUE, (DigitPressed(at=after(2), id="key", digit="1"),))
    await house.meanwhile(masked="…23")
    await house.intake.take_now(CALL, QUEUE, (Heard(at=after(3), id="heard"),))
    await house.meanwhile(masked="…24")
    await house.intake.settle()

    assert house.corrected == []
