import random
import re
from statistics import mean

from holdsvc.simulator.callers import WITHHELD, Crowd, gaps
from holdsvc.simulator.habits import Habits


def test_numbers_are_fictional_or_withheld_and_some_come_again():
    crowd = Crowd(Habits(), random.Random(1))

    numbers = [crowd.number() for _ in range(1000)]

    shown = [number for number in numbers if number not in WITHHELD]
    assert all(re.fullmatch(r"\+1500555\d{4}", number) for number in shown)
    assert 20 < len(numbers) - len(shown) < 120
    assert len(set(shown)) < 0.8 * len(shown)


def test_callers_arrive_at_the_rate_that_was_asked_for():
    pauses = list(gaps(2.0, 2000, random.Random(1)))

    assert len(pauses) == 2000
    assert 0.46 < mean(pauses) < 0.54


def test_a_faster_life_keeps_its_shares():
    people, hurried = Habits(), Habits().faster(10)

    assert hurried.patience == people.patience / 10
    assert hurried.rings == (people.rings[0] / 10, people.rings[1] / 10)
    assert hurried.holds == people.holds
    assert 1 == hurried.agents(0.01, 500) < hurried.agents(50.0, 500) <= 500 // 12
