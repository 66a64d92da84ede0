"""A package that is there and cannot be imported is found before there is work to lose, in a real process."""

from __future__ import annotations
