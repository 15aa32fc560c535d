"""All faults, by name."""

from __future__ import annotations

from tests.chaos import calm, kill, partition, postgres_gone, redis_gone, rolling, sentinel
from tests.chaos.fault import Fault

FAULTS: dict[str, Fault] = {
    one.name: one
    for one in (
        calm.FAULT,
        rolling.FAULT,
        kill.FAULT,
        redis_gone.STOPPED,
        redis_gone.RESTARTED,
        redis_gone.FROZEN,
        sentinel.FAULT,
        partition.FAULT,
        postgres_gone.FAULT,
    )
}
