"""Who speaks and who listens, as the settings have it: made for `app`, where all parts meet."""

from __future__ import annotations

from pathlib import Path

from holdsvc import catalogue
from holdsvc.clock import Clock
from holdsvc.content.fetched import FOLDER as FETCHED
from holdsvc.content.ingest import ingest_behind
from holdsvc.content.library import Library
from holdsvc.content.notice_voice import SpokenNotices
from holdsvc.content.personal_voice import OwnVoice
from holdsvc.content.quiz_voice import QuizVoice
from holdsvc.engine.captions import Captions
from holdsvc.engine.ears import Hearing
from holdsvc.engine.intake import Intake
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.plans import PlanBook
from holdsvc.ports import Ears
from holdsvc.settings import Settings
from holdsvc.speech.forget import freed_is_wiped
from holdsvc.speech.recognise.kinds import NONE
from holdsvc.speech.recognise.spoken import candidates


def quiz_voice(settings: Settings, folder: Path, library: Library) -> tuple[QuizVoice, ...]:
    """Who speaks the questions that nobody recorded, where there is a synthesiser."""
    voice = catalogue.synthesiser(settings)
    if voice is None:
        return ()
    return (QuizVoice(library, folder / "media", voice, lambda: ingest_behind(library, folder / "sound")),)


def notice_voice(settings: Settings, folder: Path, library: Library) -> SpokenNotices | None:
    """Who speaks what ops type, where there is a synthesiser."""
    voice = catalogue.synthesiser(settings)
    return SpokenNotices(library, folder / FETCHED, folder / "sound", voice) if voice else None


def own_voice(settings: Settings, folder: Path) -> OwnVoice | None:
    """Who speaks what is for one caller alone, where that is wanted and there is a synthesiser."""
    voice = catalogue.synthesiser(settings) if settings.personal else None
    return OwnVoice(voice, folder / "personal") if voice else None


def hearing_of(
    ears: Ears | None, intake: Intake, plans: PlanBook, clock: Clock, metrics: Metrics, captions: Captions
) -> Hearing | None:
    """Who listens to callers on streams; None where nobody would understand them."""
    if ears is None:
        return None
    freed_is_wiped()
    return Hearing(
        ears,
        intake.menu,
        clock,
        metrics,
        lambda queue: plans.rules(queue).speech,
        candidates,
        captions.understood,
    )


def listened(settings: Settings, language: str) -> bool:
    """Whether the recogniser of the settings is for this language; which a model of one's own knows, is seen in use."""
    speech = settings.speech
    return speech.recogniser != NONE and (bool(speech.model) or language.partition("-")[0] == "en")
