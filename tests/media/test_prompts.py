"""What is spoken: every prompt in every language, recorded from the text in the catalogue, and as loud as the rest."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.audio.levels import level
from holdsvc.calls import promise
from holdsvc.calls.controls import TOLD_KEYS
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Kind
from holdsvc.calls.model import QuizScore as Score
from holdsvc.calls.position import BEYOND, prompt
from holdsvc.calls.quiz import MOST_SCORE, score_prompt
from holdsvc.content.banned import banned
from holdsvc.content.library import Library
from holdsvc.content.prepare import TARGET
from tests.content.shelf import fill
from tests.content.signals import file as sound_file
from tests.content.signals import speech

MEDIA = Path(__file__).resolve().parents[2] / "media"
LANGUAGES = ("en", "es", "zh", "ru")
OFF = 1.0  # dB beside the target; of items under three seconds the active speech counts
SCRIPTS = {"en": r"[A-Za-z]", "es": r"[A-Za-záéíóúñü]", "zh": r"[\u4e00-\u9fff]", "ru": r"[А-Яа-яё]"}
SECONDS_A_LETTER = {"en": (0.03, 0.16), "es": (0.03, 0.16), "zh": (0.1, 0.6), "ru": (0.03, 0.18)}


def made(name):
    spec = importlib.util.spec_from_file_location(f"media_make_{name}", MEDIA / "make" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


catalogue = made("catalogue")
TEXTS = catalogue.read()
EVERY = [(language, prompt) for language in TEXTS for prompt in TEXTS[language]]


@pytest.fixture(scope="module")
def library():
    return Library.open(MEDIA, [MEDIA / "prepared"])


def marks(path):
    with av.open(str(path)) as file:
        return {name.lower(): value for name, value in file.streams.audio[0].metadata.items()}


def test_every_prompt_is_there_in_every_language():
    assert tuple(TEXTS) == LANGUAGES
    assert len({frozenset(texts) for texts in TEXTS.values()}) == 1
    assert all(re.search(SCRIPTS[language], TEXTS[language][prompt]) for language, prompt in EVERY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_service_reads_is_what_the_catalogue_says(language):
    """If this fails: python media/make/catalogue.py."""
    written = (MEDIA / "prompts" / language / "prompts.toml").read_text(encoding="utf-8")

    assert written == catalogue.written_out(TEXTS[language])
    assert {name: entry["text"] for name, entry in tomllib.loads(written).items()} == TEXTS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_prompt_is_recorded_and_nothing_else(language):
    recorded = {path.stem for path in (MEDIA / "prompts" / language).glob("*.opus")}

    assert recorded == set(TEXTS[language])


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_a_recording_speaks_the_text_that_is_written_now(language, prompt):
    """If this fails: python media/make/speech.py, which speaks only what has changed."""
    carried = marks(MEDIA / "prompts" / language / f"{prompt}.opus")

    assert carried.get("text_sha256") == catalogue.text_hash(TEXTS[language][prompt])
    assert carried["voice"]


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_a_prompt_sounds_and_is_as_loud_as_the_others_on_a_telephone(library, language, prompt):
    heard = g711.samples(library.prompt_sound(language, prompt))
    seconds = len(heard) / RATE

    assert 0.3 < seconds < 15
    assert abs(level(heard) - TARGET) <= OFF
    loud = np.flatnonzero(np.abs(heard) > 0.01)
    assert len(loud) > len(heard) / 4
    assert loud[0] < 0.25 * RATE  # at once
    assert len(heard) - loud[-1] < 0.3 * RATE  # and no longer than it speaks
    fastest, slowest = SECONDS_A_LETTER[language]
    letters = len(re.sub(r"\W", "", TEXTS[language][prompt]))
    assert fastest < (seconds - 0.3) / letters < slowest, seconds


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_prompts_sound_the_same(library, language):
    sounds = {prompt: library.prompt_hash(language, prompt) for prompt in TEXTS[language]}

    assert len(set(sounds.values())) == len(sounds)


def test_every_prompt_is_said_somewhere():
    """By its name in the service's own code, or as one of a family that the code makes up."""
    code = "\n".join(file.read_text(encoding="utf-8") for file in (MEDIA.parent / "holdsvc" / "calls").glob("*.py"))
    entries = {*(choice.id for choice in SHIPPED), *(f"leave_{key}" for key in (*range(10), "star", "pound"))}
    made = {f"{family}_{entry}" for family in ("choice", "did_you_say") for entry in (*entries, "leave")}
    made |= {f"control_{name}" for name in TOLD_KEYS} | {f"now_{kind}" for kind in Kind}
    made |= {promise.prompt(span) for span in promise.SPANS}
    made |= {"did_you_say_callback", *(f"choice_callback_{key}" for key in range(10))}
    made |= {prompt(place) for place in range(1, BEYOND + 1)} | {
        score_prompt(Score(right=n)) for n in range(MOST_SCORE + 2)
    }

    said = {name for name in TEXTS["en"] if f'"{name}"' in code} | made

    free = {name for name in TEXTS["en"] if name.startswith(("notice_", "did_you_say_music_"))}  # by hand, and by genre
    assert set(TEXTS["en"]) - said - free == set()


def test_all_of_them_come_prepared(library):
    assert [source.id for source in library.pending() if source.ships] == []


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_no_prompt_flatters_or_begs(language, prompt):
    assert banned(TEXTS[language][prompt], language) is None


@pytest.mark.parametrize(
    ("language", "prompt", "text"),
    [
        ("en", "score_0", "No right answer yet."),
        ("en", "score_1", "One right answer so far."),
        ("en", "score_2", "Two right answers so far."),
        ("es", "score_1", "Una respuesta correcta hasta ahora."),
        ("es", "score_2", "Dos respuestas correctas hasta ahora."),
        ("zh", "score_20", "到现在答对了二十题。"),
        ("en", "position_1", "You are next."),
        ("en", "position_2", "You are now number two."),
        ("en", "position_20", "You are now number twenty."),
        ("es", "position_1", "Su llamada es la siguiente."),
        ("es", "position_16", "Ahora está en el puesto dieciséis."),
        ("zh", "position_1", "下一位就是您。"),
        ("zh", "position_2", "您现在排在第二位。"),
        ("zh", "position_12", "您现在排在第十二位。"),
        ("ru", "position_1", "Следующий звонок — ваш."),
        ("ru", "position_3", "Теперь ваш номер в очереди — три."),
        ("ru", "position_15", "Теперь ваш номер в очереди — пятнадцать."),
        ("zh", "choice_leave_2", "要离开排队，请按二。"),
        ("ru", "choice_leave_6", "Чтобы выйти из очереди, нажмите шесть."),
        ("ru", "score_1", "Пока один правильный ответ."),
        ("ru", "score_4", "Пока четыре правильных ответа."),
        ("ru", "score_14", "Пока четырнадцать правильных ответов."),
        ("en", "wait_under_1", "You will most likely wait less than a minute."),
        ("en", "wait_2_5", "You will most likely wait two to five minutes."),
        ("es", "wait_under_1", "La espera será, probablemente, de menos de un minuto."),
        ("es", "wait_20_45", "La espera será, probablemente, de veinte a cuarenta y cinco minutos."),
        ("zh", "wait_2_10", "很可能要等两到十分钟。"),
        ("zh", "wait_under_2", "很可能不到两分钟就轮到您。"),
        ("ru", "wait_under_1", "Ждать, скорее всего, меньше минуты."),
        ("ru", "wait_under_3", "Ждать, скорее всего, меньше трёх минут."),
        ("ru", "wait_2_5", "Ждать, скорее всего, от двух до пяти минут."),
        ("ru", "wait_15_45", "Ждать, скорее всего, от пятнадцати до сорока пяти минут."),
        ("ru", "wait_20_60", "Ждать, скорее всего, от двадцати до шестидесяти минут."),
    ],
)
def test_numbers_have_the_grammar_of_their_language(language, prompt, text):
    assert TEXTS[language][prompt] == text


@pytest.mark.parametrize(
    ("number", "language", "form", "word"),
    [
        (31, "en", "", "thirty-one"),
        (40, "en", "", "forty"),
        (21, "es", "masculine", "veintiún"),
        (31, "es", "masculine", "treinta y un"),
        (31, "es", "feminine", "treinta y una"),
        (22, "es", "feminine", "veintidós"),
        (21, "ru", "feminine", "двадцать одну"),
        (32, "ru", "feminine", "тридцать две"),
        (12, "ru", "feminine", "двенадцать"),
        (1, "ru", "genitive", "одной"),
        (8, "ru", "genitive", "восьми"),
        (24, "ru", "genitive", "двадцати четырёх"),
        (56, "ru", "genitive", "пятидесяти шести"),
        (60, "es", "masculine", "sesenta"),
        (2, "zh", "", "两"),
        (10, "zh", "", "十"),
        (22, "zh", "", "二十二"),
        (40, "zh", "", "四十"),
    ],
)
def test_numbers_are_spelled_as_they_stand_before_a_noun(number, language, form, word):
    assert catalogue.spelled(number, language, form) == word


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('es = "No."', ""), "hello has no text in es"),
        (('es = "No."', 'es = " "'), "hello has no text in es"),
        (('ru = "Нет."', 'ru = "Нет."\nfr = "Non."'), "hello has a text in fr"),
        (("few =", "some ="), "age has no text for 2 in ru: the plural 'few' is missing"),
        (("numbers = [1, 2]", "numbers = [99]"), "99 is not spelled"),
        (("[prompt.hello]", '[prompt."Hello!"]'), "'Hello!' is no name"),
        (('zh = { other = "{n}" }', ""), "age has no text in zh"),
    ],
)
def test_a_catalogue_with_a_gap_is_refused_and_the_gap_named(tmp_path, change, says):
    good = """languages = ["en", "es", "zh", "ru"]
[prompt.hello]
en = "No."
es = "No."
zh = "不。"
ru = "Нет."
[family.age]
numbers = [1, 2]
en = { one = "{n} day", other = "{n} days" }
es = { one = "{n} día", other = "{n} días" }
zh = { other = "{n}" }
ru = { one = "{n} день", few = "{n} дня", many = "{n} дней" }
"""
    file = tmp_path / "catalogue.toml"
    file.write_text(good, encoding="utf-8")
    assert catalogue.read(file)["ru"]["age_2"] == "Два дня"

    file.write_text(good.replace(*change), encoding="utf-8")

    with pytest.raises(catalogue.WrongCatalogue, match=re.escape(says)):
        catalogue.read(file)


@pytest.mark.parametrize("suffix", [".wav", ".opus"])
def test_an_own_recording_replaces_a_prompt_by_its_name(tmp_path, suffix):
    """In the operator's folder; the text is theirs too, and the other prompts stay."""
    shipped, own = fill(tmp_path / "shipped", prompts={"next": "Next one.", "again": "Again."}), tmp_path / "own"
    fill(own, prompts={"next": "And on we go."})
    (own / "prompts/en/next.opus").unlink()
    (own / f"prompts/en/next{suffix}").write_bytes(sound_file(speech(1.5, 77), suffix))

    library = Library.open(shipped, [], overlay=own)

    files = {source.id: source.file for source in library.sources}
    assert files["prompt:en/next"] == own / f"prompts/en/next{suffix}"
    assert files["prompt:en/again"] == shipped / "prompts/en/again.opus"
    assert library.prompts["en"]["next"].text == "And on we go."


def test_a_file_with_a_prompts_name_is_all_it_takes_to_replace_it(tmp_path):
    shipped, own = fill(tmp_path / "shipped", prompts={"next": "Next one.", "again": "Again."}), tmp_path / "own"
    (own / "prompts/en").mkdir(parents=True)
    (own / "prompts/en/next.wav").write_bytes(sound_file(speech(1.5, 77), ".wav"))
    (own / "prompts/en/unheard-of.wav").write_bytes(sound_file(speech(1.5, 78), ".wav"))

    library = Library.open(shipped, [], overlay=own)

    files = {source.id: source.file for source in library.sources}
    assert files["prompt:en/next"] == own / "prompts/en/next.wav"
    assert files["prompt:en/again"] == shipped / "prompts/en/again.opus"
    assert library.prompts["en"]["next"].text == "Next one."
    assert set(files) == {"prompt:en/next", "prompt:en/again"}
