"""What every page of the service holds, and what none does."""

import re
from pathlib import Path

import pytest

from .fake_line import PAGES


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.html")), ids=lambda path: path.name)
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    for name in re.findall(r'"/static/([^"]+)"', text):
        assert (PAGES / name).is_file()
