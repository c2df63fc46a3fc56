"""Every example in a docstring is run."""

import doctest
import importlib
import pkgutil

import pytest

import fastboot

NAMES = [
    module.name
    for module in pkgutil.walk_packages(fastboot.__path__, "fastboot.")
    if not module.name.startswith("fastboot._ext.") and "__main__" not in module.name
]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    found = sum(
        len(test.examples)
        for name in NAMES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
    )
    assert found >= 20
