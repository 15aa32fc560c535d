"""`holdsvc check`: what is wrong with configuration, machine and media, before callers find out.

Rules are functions that yield findings, in `checks/`; each finding has a code that stays, a reason and a fix.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct

from holdsvc import app, catalogue
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.clock import Clock, SystemClock
from holdsvc.commands.checks import (
    directories,
    file,
    machine,
    media,
    network,
    online,
    outside,
    personal,
    queues,
    secrets,
    subscribers,
)
from holdsvc.commands.checks.codes import Finding, Level, finding
from holdsvc.commands.checks.machine import Machine
from holdsvc.commands.checks.scene import Scene
from holdsvc.config import Settings
from holdsvc.content.confine import Confinement, confinement
from holdsvc.content.library import Library
from holdsvc.content.ready import ReadySounds
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.plans import PlanBook
from holdsvc.errors import ConfigError

Measure = Callable[[Path, Confinement], Machine]


class Outcome(Struct, frozen=True):
    found: tuple[Finding, ...]
    refusal: ConfigError | None = None  # with which the service would refuse to start
    queues: int = 0
    items: int = 0
    machine: Machine | None = None

    def count(self, level: Level) -> int:
        return sum(one.level is level for one in self.found)


def check(config: Path | None, go_online: bool = False) -> int:
    outcome = look(config, os.environ, go_online=go_online)
    for one in outcome.found:
        print(one)
    if outcome.machine is not None:
        print(f"decoding of sound files: {outcome.machine.confinement}")
        print(f"frames of AudioSocket: {machine.sending(outcome.machine)}")
    errors, warned, noted = (outcome.count(level) for level in (Level.ERROR, Level.WARNING, Level.NOTE))
    print(f"{errors} errors, {warned} warnings, {noted} notes; {outcome.queues} queues, {outcome.items} items ready")
    if outcome.refusal is not None:
        raise outcome.refusal
    return 1 if errors else 0


def look(
    config: Path | None,
    environ: Mapping[str, str],
    *,
    go_online: bool = False,
    measure: Measure = machine.measure,
    clock: Clock | None = None,
) -> Outcome:
    """Everything that the rules find. What keeps the settings or the shelves from being opened is all there is to find then."""
    settings = file.read(config, environ)
    if not isinstance(settings, Settings):
        return Outcome(settings[:1], settings[1])
    refusal: ConfigError | None = None
    found: list[Finding] = []
    for code, start in starts(settings):
        try:
            start()
        except ConfigError as error:
            refusal = refusal or error
            if code:
                found.append(finding(code, str(error), file.HERE))
    if any(one.code == "HS-007" for one in found):
        return Outcome(tuple(found), refusal)
    try:
        folder = app.data_folder(settings)
        library = app.open_library(settings, folder)
    except ConfigError as error:
        return Outcome((*found, finding("HS-006", str(error), file.HERE)), refusal or error)
    now = (clock or SystemClock()).now()
    scene = Scene(settings, environ, measure(folder, confinement()), library, plans(settings, library), now)
    found += rules(scene, go_online)
    return Outcome(tuple(found), refusal, len(settings.queues), len(scene.library.items), scene.machine)


def starts(settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the service makes of its settings at its start, and the code of a fault; "" where a rule says more."""
    yield "HS-007", lambda: catalogue.platforms(settings, "", insecure=False)
    yield "HS-007", lambda: catalogue.store(settings)
    yield "HS-007", lambda: catalogue.synthesiser(settings)
    yield "HS-007", lambda: PhoneNumbers(settings.callers.region)
    for given in settings.directories.values():
        yield "HS-007", partial(catalogue.pick, catalogue.DIRECTORIES, given.kind, "directories.*.kind")
    yield "HS-007", lambda: catalogue.subscribers(settings)
    yield "HS-007", lambda: catalogue.webhooks(settings, SystemClock())
    yield "", lambda: catalogue.directories(settings, PhoneNumbers(settings.callers.region), Outbound())


def plans(settings: Settings, library: Library) -> PlanBook:
    return PlanBook(
        ReadySounds(library),
        {"default": settings.queue("default"), **settings.queues},
        streams=False,
        territory=settings.callers.region,
    )


def rules(scene: Scene, go_online: bool) -> Iterator[Finding]:
    yield from secrets.rules(scene)
    yield from network.rules(scene)
    yield from machine.rules(scene.settings, scene.machine, scene.now)
    yield from reports(scene.settings)
    yield from media.rules(scene)
    yield from outside.rules(scene)
    yield from personal.rules(scene.settings)
    yield from queues.rules(scene)
    yield from directories.rules(scene.settings)
    yield from subscribers.rules(scene.settings)
    if go_online:
        yield from online.rules(scene.settings)


def reports(settings: Settings) -> Iterator[Finding]:
    given = settings.reports
    if given.target_seconds <= 0 or given.short_abandon < 0:
        why = "reports.target_seconds and reports.short_abandon count seconds, and neither can be below nothing"
        yield finding("HS-140", why, "20 and 5 are usual")
    elif given.short_abandon >= given.target_seconds:
        why = f"reports.short_abandon ({given.short_abandon:g} s) is not below reports.target_seconds ({given.target_seconds:g} s)"
        yield finding("HS-142", why, "an abandon is short well before an answer is late: 5 and 20 are usual")
