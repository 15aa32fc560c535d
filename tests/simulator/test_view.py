from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.run import simulate
from holdsvc.simulator.view import BAR, EDGES, Progress, bar, line, picture, spark
from tests.simulator.exchange import opened
from tests.simulator.house import House

SHOWN = Progress(
    placed=90,
    over=50,
    calls=100,
    seconds=412.0,
    waiting={"sales": 5, "support": 20},
    ended={"answered": 40, "hung up": 10},
    answer_p99=17.4,
    curve=(0.01, 0.02, 0.05, 0.08, 0.12, 0.16, 0.20),
)


def test_each_queue_has_a_bar_and_the_longest_is_full():
    lines = picture(SHOWN)

    assert lines[0].startswith("#" * (BAR // 2) + "." * (BAR // 2) + " 50/100 calls over, 412 s")
    assert lines[1] == f"  sales   {'#' * 10}{'.' * 30} 5 waiting"
    assert lines[2] == f"  support {'#' * BAR} 20 waiting"
    assert "answered 40 · hung up 10 · answers p99 17 ms" in lines[3]


def test_the_curve_names_its_moments_and_never_falls():
    shown = spark(SHOWN, signs=True)

    assert [f"{edge:.0f}s" in shown for edge in EDGES] == [True] * len(EDGES)
    assert shown.endswith("300s █ 20%")
    assert spark(SHOWN, signs=False).isascii()


def test_of_few_calls_no_curve_is_drawn():
    assert spark(Progress(1, 0, 100, 3.0), signs=True) == "(too few calls)"


def test_nothing_to_show_is_shown_too():
    assert picture(Progress(0, 0, 0, 0.0))[0].startswith("." * BAR)
    assert "waiting: nobody; none ended" in line(Progress(0, 0, 10, 0.0))


def test_a_bar_is_never_longer_than_its_room():
    assert bar(500, 10) == "#" * BAR


async def test_a_run_over_two_queues_shows_both_and_ends_with_all_calls_over():
    seen: list[Progress] = []
    clock = VirtualClock()
    async with opened(House(clock)) as target:
        verdict = await simulate(target, calls=40, clock=clock, queue="support, sales", progress=seen.append)

    last = seen[-1]
    assert (last.over, last.calls) == (40, 40)
    assert last.waiting == {"support": 0, "sales": 0}
    assert sum(last.ended.values()) >= verdict.waits == 40
    assert list(last.curve) == sorted(last.curve)
    assert len(last.curve) == len(EDGES)


async def test_seconds_are_counted_from_the_beginning_of_the_run():
    class OfAMachineLongUp(VirtualClock):
        def monotonic(self):
            return super().monotonic() + 50_000.0

    seen: list[Progress] = []
    clock = OfAMachineLongUp()
    async with opened(House(clock)) as target:
        await simulate(target, calls=10, clock=clock, progress=seen.append)

    assert 0.0 < seen[-1].seconds < 50_000.0
