"""What `holdsvc report` knows beside the log."""

from msgspec.structs import replace

from holdsvc.calls.model import ContentId
from holdsvc.commands.report import shelves
from holdsvc.config import load
from holdsvc.settings import MediaSettings
from tests.commands.workshop import FREE, HOUSE, item, shelf


def test_what_stands_on_a_shelf_and_has_no_sound_here_yet_is_not_gone(tmp_path):
    media = tmp_path / "media"
    shelf(media, HOUSE, item("new"))
    (media / "new.bin").write_bytes(b"not prepared yet")
    settings = replace(load(None, {}), media=MediaSettings(str(media)))

    shelved = shelves(settings, tmp_path / "data", None)

    assert shelved.there == {"house", "new", "quiet"}
    assert shelved.items[ContentId("new")].licence == FREE
