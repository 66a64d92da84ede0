"""Which planes of a network are kept, and which are computed again each time they are read.

A norm needs the statistics of its whole input before anything behind it can be computed, so a network runs in passes,
each over all tiles of one plane. A plane that is kept is computed once; one that is not is computed again, with the
margins it takes, in each pass that reads it. Keeping all is the least work. Large planes near the image are cheap to
compute again, and take most memory: they are given up, as long as that costs little, when not everything fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from i2i.translation.tiles.boxes import Box, middle_tile, tile_size
from i2i.translation.tiles.graph import Graph
from i2i.translation.tiles.operations import Convolution, ConvolutionTranspose, Normalization, Pointwise

VALUE_BYTES = 4
MOST_WORK = 1.5
"""How much work, beside that of keeping all, may go into planes that are computed again."""
WORK_OF_A_VALUE = 10.0
"""What it costs to pass one value through memory, in multiplications."""
COPIES = 3
"""Tensors of a layer's size that PyTorch may hold beside its input and output: padded and reordered copies."""


@dataclass(frozen=True)
class Pass:
    """One pass over all tiles of a plane.

    Attributes:
        target: the node.
        kept: whether the plane is kept.
        norms: the nodes whose statistics are gathered on the way.
        tile: height and width of the tiles.
        released: planes that nobody reads after this pass.
    """

    target: int
    kept: bool
    norms: tuple[int, ...]
    tile: tuple[int, int]
    released: frozenset[int]


class PassPlan:
    """The passes of a network for one choice of what is kept.

    Args:
        graph: the network.
        side: of the tiles, in pixels of the image.
        kept: the nodes that are kept.
    """

    def __init__(self, graph: Graph, side: int, kept: frozenset[int]) -> None:
        self.graph = graph
        self.side = side
        self.kept = kept

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """In order; the last one is the network's output."""
        norms = _norms(self.graph)
        targets = [*sorted(self.kept | norms.keys()), self.graph.output]
        reads = [self._kept_below(target) for target in targets]
        last = {place: number for number, places in enumerate(reads) for place in places}
        return tuple(
            Pass(
                target,
                target in self.kept and number < len(targets) - 1,
                norms.get(target, ()) if number < len(targets) - 1 else (),
                self._tile(target),
                frozenset(place for place in places if last[place] == number),
            )
            for number, (target, places) in enumerate(zip(targets, reads, strict=True))
        )

    @cached_property
    def held(self) -> tuple[int, ...]:
        """Bytes of the planes that are kept, during each pass."""
        held = []
        alive = 0
        for step in self.passes:
            alive += self._bytes(step.target) if step.kept else 0
            held.append(alive)
            alive -= sum(map(self._bytes, step.released))
        return tuple(held)

    @cached_property
    def work(self) -> float:
        """Multiplications, about."""
        return sum(work for work, _ in self._costs)

    @cached_property
    def workspace(self) -> int:
        """Bytes that the computing of one tile takes at most, about."""
        return int(max(most for _, most in self._costs))

    def over(self, budget: int) -> int:
        """How much the kept planes exceed a budget: squared, so that the worst pass counts most, and summed."""
        return sum(max(0, held - budget) ** 2 for held in self.held)

    def in_files(self, budget: int) -> int:
        """Bytes of the kept planes that lie in files at most, when each lies in memory if it fits in the budget."""
        alive: dict[int, int] = {}
        in_memory: dict[int, int] = {}
        most = 0
        for step in self.passes:
            if step.kept:
                size = self._bytes(step.target)
                alive[step.target] = size
                in_memory[step.target] = size if sum(in_memory.values()) + size <= budget else 0
            most = max(most, sum(alive.values()) - sum(in_memory.values()))
            for place in step.released:
                del alive[place], in_memory[place]
        return most

    def _bytes(self, number: int) -> int:
        return self.graph.nodes[number].extent.values * VALUE_BYTES

    def _tile(self, number: int) -> tuple[int, int]:
        nodes = self.graph.nodes
        return tile_size(nodes[number].extent, nodes[0].extent, self.side)

    def _kept_below(self, target: int) -> set[int]:
        """The kept planes that the computing of a node reads."""
        found: set[int] = set()
        waiting = list(self.graph.nodes[target].inputs)
        while waiting:
            place = waiting.pop()
            if place in self.kept:
                found.add(place)
            else:
                waiting += self.graph.nodes[place].inputs
        return found

    @cached_property
    def _costs(self) -> list[tuple[float, float]]:
        """Work and workspace of each pass."""
        costs = []
        for step in self.passes:
            box, count = middle_tile(self.graph.nodes[step.target].extent, step.tile)
            work, most, _ = self._cost(step.target, box, top=True)
            costs.append((work * count, most))
        return costs

    def _cost(self, number: int, box: Box, *, top: bool = False) -> tuple[float, float, float]:
        """Work of computing a rectangle of a node; bytes that takes at most; bytes of the result."""
        node = self.graph.nodes[number]
        values = box.pixels * node.extent.channels
        result = float(values * VALUE_BYTES)
        if node.operation is None or (number in self.kept and not top):
            return values * WORK_OF_A_VALUE, result, result
        work = values * (WORK_OF_A_VALUE + node.operation.multiplications)
        held = most = 0.0
        needed = node.operation.needs(box, self.graph.inputs_of(number))
        for place, part in zip(node.inputs, needed, strict=True):
            below, peak, size = self._cost(place, part)
            work += below
            most = max(most, held + peak)
            held += size
        return work, max(most, COPIES * (held + result)), result


def plan_passes(graph: Graph, side: int, budget: int) -> PassPlan:
    """Choose what is kept, so that it fits in a budget if that can be had for little more work.

    Args:
        graph: the network.
        side: of the tiles, in pixels of the image.
        budget: bytes.
    """
    fullest = plan = PassPlan(graph, side, _worth_keeping(graph))
    tried = [plan]
    while plan.over(budget):
        # What saves most for each multiplication more.
        better: list[tuple[float, PassPlan]] = []
        for place in plan.kept:
            other = PassPlan(graph, side, plan.kept - {place})
            saved = plan.over(budget) - other.over(budget)
            if saved > 0 and other.work <= MOST_WORK * fullest.work and other.workspace <= 2 * fullest.workspace:
                better.append((saved / max(other.work - plan.work, 1.0), other))
        if not better:
            break
        plan = max(better, key=lambda item: item[0])[1]
        tried.append(plan)
    # Where not all can fit, the rest goes to files; work that saves no space there is saved.
    return min(tried, key=lambda plan: max(budget, *plan.held))


def _norms(graph: Graph) -> dict[int, tuple[int, ...]]:
    """The norms that take the statistics of each node."""
    found: dict[int, tuple[int, ...]] = {}
    for number, node in enumerate(graph.nodes):
        if isinstance(node.operation, Normalization):
            place = node.inputs[0]
            found[place] = (*found.get(place, ()), number)
    return found


def _worth_keeping(graph: Graph) -> frozenset[int]:
    """Convolutions, and sums that are read twice: all that is costly, except what only leads to the output."""
    readers: dict[int, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        for place in node.inputs:
            readers.setdefault(place, []).append(number)
    found = set()
    for number, node in enumerate(graph.nodes):
        convolution = isinstance(node.operation, Convolution | ConvolutionTranspose)
        channels = [extent.channels for extent in graph.inputs_of(number)]
        joint = isinstance(node.operation, Pointwise) and len(channels) > 1 and max(channels) == node.extent.channels
        if (convolution and not _leads_out(graph, readers, number)) or (joint and len(readers.get(number, ())) > 1):
            found.add(number)
    return frozenset(found)


def _leads_out(graph: Graph, readers: Mapping[int, list[int]], number: int) -> bool:
    """Whether nothing but pointwise operations, each read once, lies between a node and the output."""
    while number != graph.output:
        following = readers.get(number, [])
        if len(following) != 1:
            return False
        (number,) = following
        if not isinstance(graph.nodes[number].operation, Pointwise):
            return False
    return True
