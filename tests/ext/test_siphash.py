"""SipHash-2-4 against the vectors of its paper's reference."""

import pytest

from fastboot._ext import twin

pytestmark = pytest.mark.ext

KEY = bytes(range(16))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 0x726FDB47DD0E0E31),
        (1, 0x74F839C593DC67FD),
        (8, 0x93F5F5799A932462),
        (15, 0xA129CA6149BE45E5),
    ],
)
def test_the_hash_is_that_of_the_paper(size, expected):
    compiled = twin("siphash")
    if compiled is None:
        pytest.skip("the compiled parts are not built")
    assert compiled.of(bytes(range(size)), KEY) == expected
