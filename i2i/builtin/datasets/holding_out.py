"""Which images are held out, by the options: by name, by group, by cells of a grid, or by a list. No torch.

Whatever the rule, it is told beside every number that is measured with it, with what is known to be wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.name_signs import find_sign
from i2i.builtin.datasets.split import choose_test
from i2i.builtin.datasets.tile_grid import TileGrid
from i2i.errors import DataError, amount, printable
from i2i.files.texts import TextError, read_text
from i2i.images.finding import bullets
from i2i.paths import named

LONGEST_LIST = 64 << 20
"""Bytes of a file of names that are read."""
TOO_MANY = 0.05
"""Share of the held-out images with a relative among the training images from which a split is warned of."""


@dataclass(frozen=True)
class HoldingOut:
    """What is held out.

    Attributes:
        test: the stems.
        rule: what decided, as in "held out by ...": ``"a hash of the name (test_fraction 0.1)"``.
        caveat: what is wrong with it, as far as names tell; empty where nothing is known.
        cure: the options to set, where there is a caveat.
    """

    test: frozenset[str]
    rule: str
    caveat: str = ""
    cure: str = ""

    @property
    def held_out_by(self) -> str:
        """The rule with its caveat, to stand beside a number."""
        return f"{self.rule}; {self.caveat}" if self.caveat else self.rule

    @property
    def leaks(self) -> tuple[str, ...]:
        """The notes on a split that another option would make better; the edges of cells are as good as it gets."""
        return self.notes if self.cure else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should do before training."""
        if not self.caveat:
            return ()
        cure = f" Set {self.cure}." if self.cure else ""
        return (f"{self.caveat}: what is measured on held-out images is better than on new ones.{cure}",)


Domains = Sequence[Collection[str]]
"""The stems of each domain."""


def hold_out(root: str, domains: Domains, options: FolderOptions) -> HoldingOut:
    """Choose what is held out, where the data do not say.

    Args:
        root: the data as a person named them; a list of names is looked for there first.
        domains: the stems of each domain.
        options: ``test_names``, else ``group`` or ``group_grid`` with ``test_fraction``, else ``test_fraction`` alone.

    Raises:
        DataError: names do not fit the option, or a group would be on two sides.
    """
    if options.test_names is not None:
        return _listed(root, domains, options)
    units = _units(root, domains, options)
    if units is None:
        found = _by_name(domains, options)
        sides = _sides(domains, found.test)
        return _with_caveat(found, *sides)
    by_domain = [{units[stem] for stem in stems} for stems in domains]
    kind, option = _grouping(options)
    for stems, own in zip(domains, by_domain, strict=True):
        if options.test_fraction and len(own) == 1 and len(stems) > 1:
            raise DataError(
                f"{root}: all {len(stems)} images of a domain are of one {kind} ({option}), which is never on two "
                "sides, so none can be held out; tell more of them apart, or set data.test_fraction=0"
            )
    test_units = choose_test(by_domain, options.test_fraction)
    test = frozenset(stem for stem, unit in units.items() if unit in test_units)
    count = f"{len(test_units)} of {amount(len(set(units.values())), kind)}"
    rule = f"{kind} ({option}, test_fraction {options.test_fraction:g}: {count})"
    return HoldingOut(test, rule, _edges(test, units.keys() - test, options))


def check_held_out(root: str, train: Domains, test: Domains, options: FolderOptions, rule: str) -> HoldingOut:
    """Look at a split that the data themselves say, such as by folders: groups must not be on two sides of it.

    Args:
        root: the data as a person named them.
        train: the stems of each domain.
        test: likewise, held out.
        options: of the data set.
        rule: what decides, as in "held out by ...".

    Raises:
        DataError: a group is on both sides, or an option would choose once more.
    """
    if options.test_names is not None:
        raise DataError(f"{root}: what is held out is decided by {rule}; leave out data.test_names, or leave out those")
    return _checked(root, train, test, options, rule)


def _checked(root: str, train: Domains, test: Domains, options: FolderOptions, rule: str) -> HoldingOut:
    trained, held_out = (frozenset(stem for stems in side for stem in stems) for side in (train, test))
    units = _units(root, [trained, held_out], options)
    if units is None:
        return _with_caveat(HoldingOut(held_out, rule), train, test)
    kind, option = _grouping(options)
    shared = sorted({units[stem] for stem in trained} & {units[stem] for stem in held_out})
    if shared:
        raise DataError(
            f"{root}: {amount(len(shared), f'{kind} is', f'{kind}s are')} on two sides, in training and held out by "
            f"{rule}, which {option} forbids:\n{bullets(shared)}\nHold out whole ones, or leave out that option."
        )
    return HoldingOut(held_out, f"{rule}, in whole {kind}s ({option})", _edges(held_out, trained, options))


def settled_names(root: str, options: FolderOptions) -> dict[str, str]:
    """The option ``test_names`` as a run keeps it: absolute, unless the file lies within the data and moves with it."""
    if options.test_names is None or (named(root) / options.test_names).is_file():
        return {}
    absolute = str(named(options.test_names).absolute())
    return {} if absolute == options.test_names else {"test_names": absolute}


def _by_name(domains: Domains, options: FolderOptions) -> HoldingOut:
    test = choose_test(domains, options.test_fraction)
    return HoldingOut(test, f"a hash of the name (test_fraction {options.test_fraction:g})")


def _sides(domains: Domains, test: AbstractSet[str]) -> tuple[Domains, Domains]:
    """The stems of each domain that are trained on, and those that are held out."""
    return [set(stems) - test for stems in domains], [set(stems) & test for stems in domains]


def _grouping(options: FolderOptions) -> tuple[str, str]:
    """What images are grouped into, and the option that says so."""
    if options.group is not None:
        return "group", f"data.group={options.group!r}"
    return "cell", f"data.group_grid={options.group_grid}"


def _units(root: str, domains: Domains, options: FolderOptions) -> Mapping[str, str] | None:
    """The group or cell of each stem; None where no option groups them."""
    stems = sorted({stem for each in domains for stem in each})
    if options.group is not None:
        found = {stem: match[1] for stem in stems if (match := re.search(options.group, stem)) and match[1]}
        wanted = f"data.group={options.group!r} finds no group in"
        cure = "A name is the path below the domain's folder, without suffix; write a pattern that fits all of them"
    elif options.group_grid is not None:
        grid = TileGrid.of(stems)
        found = {stem: grid.cell_of(stem, options.group_grid) for stem in grid.tiles}
        wanted = f"data.group_grid={options.group_grid} finds no place, two numbers as in 0278_0256, in"
        cure = "Rename them, or group by a part of the name, with data.group"
    else:
        return None
    lonely = [stem for stem in stems if stem not in found]
    if lonely:
        raise DataError(f"{root}: {wanted} {amount(len(lonely), 'name')}:\n{bullets(lonely)}\n{cure}.")
    return found


def _edges(test: Collection[str], train: Collection[str], options: FolderOptions) -> str:
    """How many held-out tiles still lie beside a training tile, where cells of a grid meet."""
    if options.group_grid is None or not test:
        return ""
    near = len(TileGrid.of([*test, *train]).touching(test, train))
    return f"{near} of {len(test)} held-out tiles lie at the edge of a cell and touch a training tile" if near else ""


def _listed(root: str, domains: Domains, options: FolderOptions) -> HoldingOut:
    """Hold out the images, or whole groups, that a file names."""
    assert options.test_names is not None
    file = named(root) / options.test_names
    file = file if file.is_file() else named(options.test_names)
    try:
        lines = [line.strip() for line in read_text(file, LONGEST_LIST).splitlines()]
    except (OSError, TextError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"data.test_names={options.test_names}: {reason}; expected a text file with a name a line, in {root} or "
            "by its path"
        ) from error
    wanted = {line for line in lines if line}
    stems = {stem for each in domains for stem in each}
    units = _units(root, domains, options) or {}
    test = {stem for stem in stems if stem in wanted or units.get(stem) in wanted}
    known = {*stems, *units.values()}
    for line in wanted - known:
        if (stem := str(Path(line).with_suffix("").as_posix())) in stems:
            test.add(stem)
            known.add(line)
    if unknown := sorted(wanted - known):
        raise DataError(
            f"{file}: {amount(len(unknown), 'name belongs', 'names belong')} to no image:\n{bullets(unknown)}\n"
            "A name is the path below the domain's folder, with or without suffix; correct or remove them."
        )
    for own in domains:
        if not test.intersection(own) or test.issuperset(own):
            which = "none" if not test.intersection(own) else "all"
            raise DataError(
                f"{file}: it names {which} of the {len(own)} images of a domain; each domain needs images to train "
                "on and to hold out: name others"
            )
    return _checked(root, *_sides(domains, test), options, f"the names in {printable(file.name)}")


def _with_caveat(found: HoldingOut, train: Domains, test: Domains) -> HoldingOut:
    """Add what names tell of relatives on the two sides, judged by the domain where it shows most."""
    worst = 0.0
    for trained, held_out in zip(train, test, strict=True):
        if set(trained) & set(held_out):
            continue  # folders that number their images anew: equal names are other images
        sign = find_sign([*trained, *held_out]) if held_out else None
        count = sign.related(held_out, trained) if sign else 0
        if sign and count / len(held_out) > max(worst, TOO_MANY):
            worst = count / len(held_out)
            caveat = f"{sign.looks}, and {count} of {amount(len(held_out), 'held-out image')} {sign.kin}"
            found = HoldingOut(found.test, found.rule, caveat, sign.cure)
    return found
