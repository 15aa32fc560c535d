"""Programs of others that a test drives: there, or the test is skipped; in CI a missing one is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not here; it comes with the Debian package {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
