"""What the rules look at, read once: settings, environment, shelves, machine and the time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from holdsvc.commands.checks.machine import Machine
from holdsvc.config import Settings
from holdsvc.content.library import Library
from holdsvc.engine.plans import PlanBook


class Scene(Struct, frozen=True):
    settings: Settings
    environ: Mapping[str, str]
    machine: Machine
    library: Library
    plans: PlanBook
    now: datetime
