"""What to tell a person whose folder is not laid out in a way that works. No torch."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from i2i.errors import amount, did_you_mean, printable
from i2i.images.finding import is_clutter

_TWO_FOLDERS = ("trainA", "trainB", "testA", "testB", "A", "B")

_DRAWN_TWO_FOLDERS = """\
  {root}/
  |-- trainA/   images of the first domain (the input)
  |-- trainB/   images of the second domain (the target){names}
  |-- testA/    held-out images; without testA/ and testB/ a share of the training images is held out
  `-- testB/
or
  {root}/
  |-- A/        images of the first domain
  `-- B/        images of the second domain{names}; a share is held out by a hash of the name"""

_DRAWN_SIDE_BY_SIDE = """
or
  {root}/
  |-- train/    pictures holding A on the left and B on the right, at half width each
  `-- test/     held-out pictures (optional)
or
  {root}/       such pictures themselves; a share is held out by a hash of the name"""

_MOST_ENTRIES = 8


def explain_missing_folder(folder: Path) -> str:
    """Return the message for a folder that is not there, or is a file."""
    if folder.is_file():
        return f"{folder}: expected a folder of images, got a file; unpack it if it is an archive"
    nearest = folder.parent
    while not nearest.is_dir() and nearest != nearest.parent:
        nearest = nearest.parent
    names = [entry.name for entry in nearest.iterdir() if entry.is_dir()] if nearest == folder.parent else []
    return (
        f"{folder}: there is no such folder{did_you_mean(folder.name, names)} "
        f"(the part that exists: {nearest}; the built-in data: sample:flat-3d)"
    )


def explain_wrong_layout(folder: Path, suffixes: Collection[str], *, paired: bool) -> str:
    """Return the layouts that would work, what was found instead, and the nearest match."""
    drawn = _DRAWN_TWO_FOLDERS + (_DRAWN_SIDE_BY_SIDE if paired else "")
    drawn = drawn.format(root=folder.name or folder, names=", by the same names" if paired else "")
    lines = [
        f"{folder}: not laid out as {'paired' if paired else 'unpaired'} training needs it. Expected",
        drawn,
        f"Found instead: {_describe(folder, suffixes)}.",
        *_suggestions(folder, suffixes, paired=paired),
    ]
    return "\n".join(lines)


def _describe(folder: Path, suffixes: Collection[str]) -> str:
    entries = [entry for entry in sorted(folder.iterdir()) if not is_clutter(entry.name)]
    folders = [f"{entry.name}/" for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    images = [entry for entry in files if entry.suffix.lower() in suffixes]
    if not entries:
        return "nothing, the folder is empty"
    parts = []
    if folders:
        more = f" and {len(folders) - _MOST_ENTRIES} more" if len(folders) > _MOST_ENTRIES else ""
        parts.append(printable(f"folders {', '.join(folders[:_MOST_ENTRIES])}{more}"))
    if images:
        parts.append(amount(len(images), "image"))
    if len(files) > len(images):
        parts.append(amount(len(files) - len(images), "other file"))
    return "; ".join(parts)


def _suggestions(folder: Path, suffixes: Collection[str], *, paired: bool) -> list[str]:
    present = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not is_clutter(entry.name))
    lines = []
    for name in present:
        match = _nearest(name, (*_TWO_FOLDERS, "train", "test") if paired else _TWO_FOLDERS)
        if match and match not in present:
            lines.append(f"Found {name}: did you mean {match}?")
    lines += [
        f"{folder / name} is laid out in a way that works: did you mean that folder?"
        for name in present
        if _works(folder / name)
    ]
    if folder.name in ("trainA", "trainB", "A", "B") and _works(folder.parent):
        lines.append(f"{folder.parent} is laid out in a way that works: did you mean that folder?")
    nested = [name for name in ("train", "test") if {"A", "B"} <= _folders_in(folder / name)]
    lines += [f"Found {name}/A and {name}/B: move them to {name}A and {name}B." for name in nested]
    if not paired and not nested and ("train" in present or not lines):
        pictures = folder / "train" if "train" in present else folder
        if any(entry.suffix.lower() in suffixes for entry in pictures.iterdir()):
            lines.append(f"If the pictures in {pictures} hold A and B side by side, use --method pix2pix.")
    return lines


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    """Match ``train_A``, ``TrainA``, ``A_train`` or ``trianA`` with ``trainA``; the domain's letter must agree."""
    if name in known:
        return None
    plain = "".join(character for character in name.lower() if character.isalnum())
    for candidate in known:
        if plain in (candidate.lower(), candidate[-1].lower() + candidate[:-1].lower()):
            return candidate
    same_letter = [candidate for candidate in known if len(candidate) > 1 and candidate[-1].lower() == plain[-1:]]
    matches = difflib.get_close_matches(name, same_letter, n=1, cutoff=0.7)
    return matches[0] if matches else None


def _works(folder: Path) -> bool:
    present = _folders_in(folder)
    return {"trainA", "trainB"} <= present or {"A", "B"} <= present


def _folders_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.is_dir()} if folder.is_dir() else set()
