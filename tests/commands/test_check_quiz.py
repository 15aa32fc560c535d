"""What `holdsvc check` says of question banks, while the service serves all the same."""

from holdsvc.commands.checks.media import quiz
from holdsvc.content.library import Library
from tests.content.test_quiz import GOOD, MEDIA, TWO_RIGHT, a_folder, question


def library_with(tmp_path, **banks: str) -> Library:
    return Library.open(MEDIA, [MEDIA / "prepared"], a_folder(tmp_path / "own", **banks))


def test_a_quiz_with_two_right_answers_is_one_clear_sentence_and_the_others_are_kept(tmp_path):
    library = library_with(tmp_path, en_mine=question(options=TWO_RIGHT) + question(id='"good"'))

    errors = [found for found in quiz(library) if found.error]

    assert [found.code for found in errors] == ["HS-221"]
    assert errors[0].reason == (
        "quiz/en/mine.toml: question 'legs' has 2 right answers ('Six' and 'Eight'), and exactly one is wanted;"
        " it will not be asked"
    )
    assert "good" in {one.id for _, one in library.quiz}
    assert len(library.items) > 1


def test_questions_that_nobody_recorded_are_counted_by_bank(tmp_path):
    found = list(quiz(library_with(tmp_path, en_mine=GOOD)))

    assert [(one.code, one.error) for one in found] == [("HS-222", False)]
    assert found[0].reason == "quiz/en/mine.toml: 1 of its questions have no sound, and so are not asked"


def test_the_shipped_banks_are_whole(tmp_path):
    assert list(quiz(Library.open(MEDIA, [MEDIA / "prepared"]))) == []
