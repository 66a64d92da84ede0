"""What a person asks of tiles is checked, and each wrong option is named."""

import pytest

from i2i.errors import ConfigError
from i2i.translation.tiles.tile_settings import DEFAULT_SIDE, TileSettings, parse_tiles


def test_no_tiles_unless_asked():
    assert parse_tiles(None) is None


def test_auto_and_a_side(tmp_path):
    assert parse_tiles("auto") == TileSettings(automatic=True, side=DEFAULT_SIDE)
    assert parse_tiles("64") == parse_tiles(64) == TileSettings(automatic=False, side=64)
    asked = parse_tiles(64, memory=0.5, folder=tmp_path)
    assert (asked.memory, asked.folder) == (2**29, tmp_path)
    assert parse_tiles(64, "estimate").statistics == "estimate"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tile": "large"}, "--tile must be auto, or the side of the tiles of at least 16; got 'large'"),
        ({"tile": 15}, "--tile must be auto, .* got 15"),
        ({"tile": "-64"}, "--tile must be auto, .* got '-64'"),
        ({"tile": 64, "statistics": "guess"}, "--tile-statistics must be 'exact' or 'estimate'; got 'guess'"),
        ({"tile": 64, "memory": -1.0}, "--tile-memory must be GiB, at least 0; got -1.0"),
        ({"tile": 64, "memory": float("nan")}, "--tile-memory must be GiB, at least 0; got nan"),
        ({"tile": 64, "statistics": "estimate", "memory": 1.0}, "an estimate keeps nothing"),
        ({"tile": 64, "folder": "nowhere"}, "--tile-folder nowhere does not exist"),
        ({"tile": None, "statistics": "exact"}, "--tile-statistics says how .* add --tile auto"),
        ({"tile": None, "memory": 0.0}, "--tile-memory says how .* add --tile auto"),
        ({"tile": None, "folder": "/"}, "--tile-folder says how .* add --tile auto"),
    ],
)
def test_what_is_wrong_is_named(options, told):
    with pytest.raises(ConfigError, match=told):
        parse_tiles(**options)
