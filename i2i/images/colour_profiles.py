"""Colour profiles: what they are called, and pictures brought to sRGB by them, also those of print (CMYK). No torch.

The numbers of a picture mean colours by its profile; without one, those of sRGB. Inks without a profile are taken for
ideal ones: what is left of a colour is ``(1 - ink) (1 - black)``.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageChops

_PROFILE = "icc_profile"
_GREY_MODES = ("1", "L", "LA")
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
_DATE = slice(24, 36)  # of a profile's header


def profile_name(picture: Image.Image) -> str:
    """The name of a picture's profile; an empty string where it has none, or one that means sRGB."""
    profile, mode = picture.info.get(_PROFILE), _colours_of(picture.mode)
    if not isinstance(profile, bytes) or not profile:
        return ""
    try:
        transform, name = _transform_of(profile, mode)
    except ValueError:
        return "one that does not fit"
    return "" if transform is None else name


def in_srgb(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Apply a picture's profile.

    Relative colorimetric with black point compensation, by LittleCMS. A profile that moves no colour by more than one
    level of 255 is sRGB's own, and nothing is done.

    Args:
        picture: of any mode that is read, or CMYK.

    Returns:
        The picture, of a mode that is read, and notes on what was done and what could not be. Where colours were
        converted, its profile is that of sRGB; of grey it has none then.
    """
    picture = with_plain_inks(picture)
    profile = picture.info.get(_PROFILE)
    if not isinstance(profile, bytes) or not profile:
        return _without_profile(picture, "its CMYK has no colour profile: ideal inks were assumed")
    if picture.mode.startswith("I;16"):
        return picture, ("its colour profile was not applied, for its greys have 16 bits",)
    try:
        transform, name = _transform_of(profile, _colours_of(picture.mode))
    except ValueError as error:
        return _without_profile(picture, f"its colour profile was not applied: {error}")
    if transform is None:
        return picture, ()
    return _converted(picture, transform), (f"its colours were converted from {name} to sRGB",)


def with_plain_inks(picture: Image.Image) -> Image.Image:
    """Give the inks of a CMYK picture as they are meant, of a JPEG that Pillow opened: 0 is none, 255 full.

    Adobe's programs write them inverted, and say so in a marker; Pillow takes all files for theirs.
    """
    if picture.mode != "CMYK" or picture.format not in ("JPEG", "MPO") or "adobe" in picture.info:
        return picture
    plain = ImageChops.invert(picture)
    plain.info = dict(picture.info)
    return plain


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The profile of sRGB, the same bytes at all times."""
    from PIL import ImageCms  # costs a start-up, and few pictures need it

    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[_DATE] = bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 1 January 2000: the time of writing says nothing
    return bytes(content)


def _colours_of(mode: str) -> str:
    if mode == "CMYK":
        return mode
    return "L" if mode in _GREY_MODES or mode.startswith("I;16") else "RGB"


def _without_profile(picture: Image.Image, note: str) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture as it is, of inks what ideal ones would show; the note holds where there is something to say."""
    has_profile = bool(picture.info.get(_PROFILE))
    if picture.mode != "CMYK":
        return picture, (note,) if has_profile else ()
    plain = picture.convert("RGB")
    plain.info = {key: value for key, value in picture.info.items() if key != _PROFILE}
    return plain, (f"{note}; ideal inks were assumed" if has_profile else note,)


def _converted(picture: Image.Image, transform: Any) -> Image.Image:
    mode = _colours_of(picture.mode)
    alpha = None
    if picture.has_transparency_data:
        picture = _with_info(picture.convert("LA" if mode == "L" else "RGBA"), picture)
        alpha = picture.getchannel("A")
    colours = picture if picture.mode == mode else picture.convert(mode)
    result: Image.Image = transform.apply(colours)
    if mode == "L":
        result = result.getchannel("G")
    if alpha is not None:
        result.putalpha(alpha)
    result = _with_info(result, picture)
    result.info[_PROFILE] = srgb_profile()
    if mode == "L":
        del result.info[_PROFILE]
    return result


def _with_info(result: Image.Image, picture: Image.Image) -> Image.Image:
    result.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return result


@lru_cache(maxsize=64)
def _transform_of(profile: bytes, mode: str) -> tuple[Any, str]:
    """What brings colours of a mode to sRGB, ``None`` where nothing has to be done; and the profile's name.

    Raises:
        ValueError: the profile is damaged, or for other colours.
    """
    from PIL import ImageCms

    if profile[16:20] != _SPACES[mode]:
        other = {b"GRAY": "grey", b"RGB ": "RGB", b"CMYK": "CMYK"}.get(profile[16:20], "other colours")
        raise ValueError(f"it is for {other}")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
        transform = ImageCms.ImageCmsTransform(
            source,
            target,
            mode,
            "RGB",
            intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError("it is damaged") from error
    return (None if mode != "CMYK" and _changes_nothing(transform, mode) else transform), name


def _changes_nothing(transform: Any, mode: str) -> bool:
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    if mode == "L":
        before = np.broadcast_to(steps[None, :, None], (1, 16, 3))
        sample = Image.fromarray(steps[None])
    else:
        before = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
        sample = Image.fromarray(before)
    after = np.asarray(transform.apply(sample)).astype(int)
    return bool(np.abs(after - before).max() <= 1)
