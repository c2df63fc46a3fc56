"""A folder that takes files, in tests."""

import pytest

from fastboot.uploads import Quota, UploadFolder


@pytest.fixture
def folder(tmp_path):
    """Where files go."""
    place = tmp_path / "uploads"
    place.mkdir()
    return place


@pytest.fixture
def taking(folder):
    """Makes folders that take files, and end with the test."""
    made = []

    def make(file_bytes=10_000_000, files=4, **quota):
        made.append(UploadFolder(folder, Quota(file_bytes, files, **quota)))
        return made[-1]

    yield make
    for one in made:
        one.close()
