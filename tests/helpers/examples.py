"""How many examples hypothesis draws where a test says a number: all of them, or a share of them with ``--fast``."""

from hypothesis import settings

USUAL = 100
"""What hypothesis draws by default, which the numbers in the tests are relative to."""


def examples(number: int) -> int:
    """The number of examples in the profile that is loaded, which draws :data:`USUAL` of them or fewer."""
    return max(1, number * settings.default.max_examples // USUAL)
