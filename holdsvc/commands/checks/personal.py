"""Updates that are one caller's alone: those that are left out, and those that nobody can hear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from holdsvc import catalogue
from holdsvc.callers.http_json import FIELDS
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.callers.table import read_table
from holdsvc.calls.model import Record
from holdsvc.calls.personal import fields
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.config import DirectorySettings, Settings
from holdsvc.content.banned import banned
from holdsvc.engine.personal import PersonalSettings, faults, fields_of
from holdsvc.errors import ConfigError


def rules(settings: Settings) -> Iterator[Finding]:
    for name, update in settings.personal.items():
        here = f"correct it in the section [personal.{name}]"
        left_out = list(faults(name, update))
        yield from (finding("HS-211", f"personal.{name} is left out: {fault}", here) for fault in left_out)
        for language, text in update.texts.items():
            if phrase := banned(text, language):
                why = f'personal.{name} says "{phrase}" in {language}, which no caller wants to hear'
                yield finding("HS-232", why, "say what is true and useful, or take it out")
        if unknown := sorted(set(update.queues) - {"default", *settings.queues}):
            why = f"personal.{name} is for queues that are not there: {', '.join(unknown)}"
            yield finding("HS-214", why, "correct its queues")
        if not left_out:
            yield from heard(settings, name, update)
    if settings.personal and catalogue.synthesiser(settings) is None:
        why = f"there is no synthesiser, so that nothing of {', '.join(settings.personal)} is heard"
        yield finding("HS-216", why, "set synthesiser.command")


def heard(settings: Settings, name: str, update: PersonalSettings) -> Iterator[Finding]:
    if not settings.directories:
        why = f"personal.{name} is heard by nobody: there is no directory to tell anything of callers"
        yield finding("HS-215", why, "add a [directories.NAME]")
        return
    told = set(FIELDS).union(*(fields_told(settings, one) for one in settings.directories.values()))
    wanted = {field for text in update.texts.values() for field in fields(text)}
    if missing := sorted(wanted - told):
        why = f"personal.{name} is heard by nobody: no directory tells {', '.join(missing)}"
        yield finding("HS-215", why, "add the column to the table, or the path to the directory's fields")


def fields_told(settings: Settings, given: DirectorySettings) -> set[str]:
    if given.kind != "table":
        return set(given.fields)
    try:
        reading = read_table(Path(given.path), PhoneNumbers(settings.callers.region), more=fields_of(settings.personal))
    except ConfigError:  # another rule says so
        return set(fields_of(settings.personal))
    return {name for one in reading.contacts.values() if isinstance(one, Record) for name, _ in one.more}
