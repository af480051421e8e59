"""A client asks for tiles by the names that the interface reads."""

import pytest

from api.tiles import parse_tile
from ledger.core.tiles import tile_name


@pytest.mark.parametrize("index", [0, 7, 999, 1_000, 1_067, 999_999, 1_000_000, 1_234_067, 2**40])
@pytest.mark.parametrize("width", [1, 255, 256])
def test_a_name_is_read_back(index: int, width: int) -> None:
    assert parse_tile("3", tile_name(index, width)) == (3, index, width)
