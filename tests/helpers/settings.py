"""Settings for tests of the configuration: files of them, and what is said about wrong ones."""

import pytest

from i2i.api import resolve
from i2i.errors import ConfigError


def problems(*arguments, **options):
    """The lines of the error, one a problem."""
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments, **options)
    return [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
