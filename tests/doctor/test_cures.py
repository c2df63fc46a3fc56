"""There is something to do against everything."""

import pytest

from fastboot.doctor.cures import cure
from fastboot.firmware.decision import Cause, Trouble
from models.offers import OURS, ROUTER


@pytest.mark.parametrize("trouble", Trouble)
def test_each_trouble_has_a_cure_in_one_line(trouble):
    found = cure(Cause(trouble, ROUTER), OURS, ROUTER)
    assert found.text.isprintable()
    for recipe in found.recipes:
        assert recipe.lines
        assert all(line.isprintable() for line in recipe.lines)
        assert "{server}" not in str(recipe)
        assert "{{" not in str(recipe)


def test_a_server_that_is_not_known_is_called_so():
    found = cure(Cause(Trouble.CLASS_ALONE), None, None)
    assert found.text == "remove option 60 at the server"
    assert "-ScopeId SCOPE" in str(found.recipes)
