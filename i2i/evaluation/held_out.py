"""Looking at held-out images: what the generators make of them, in pictures and in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2i.config.sections import CYCLE
from i2i.evaluation.baselines import Baselines
from i2i.evaluation.cases import choose_cases, write_cases, write_values
from i2i.evaluation.chosen_metrics import ChosenMetric, of_family
from i2i.evaluation.pairs import PairMetrics
from i2i.evaluation.per_image import PerImage
from i2i.evaluation.sets import FEWEST, SetMetrics
from i2i.evaluation.sheets import drawable, over_white, stack_images, write_picture, write_sheet
from i2i.plugins.calls import calling
from i2i.plugins.dataset_members import values_of
from i2i.plugins.directions import Direction
from i2i.plugins.protocols import Dataset
from i2i.progress import counted
from i2i.tensors.collate import collate
from i2i.tensors.inference import leaving_no_trace, own_random_numbers


class HeldOut:
    """The held-out images of a run and the generators that translate them.

    Args:
        dataset: the test split.
        directions: generator by direction, ``"AtoB"`` and perhaps ``"BtoA"``.
        device: where the generators are.
        metrics: what is measured.
        paper_inference: keep dropout and batch statistics on, as the papers' code does at test time.

    Attributes:
        per_image: by direction, the values of the single images that :meth:`measure` compared last with their truth.
        notes: what a person should know before quoting the distances of sets that :meth:`measure` found last.
    """

    def __init__(
        self,
        dataset: Dataset,
        directions: Mapping[str, nn.Module],
        device: torch.device,
        metrics: Sequence[ChosenMetric],
        *,
        paper_inference: bool,
    ) -> None:
        self.dataset = dataset
        self.directions = {Direction(name): network for name, network in directions.items()}
        self.device = device
        self.metrics = metrics
        self.paper_inference = paper_inference
        self.per_image: dict[Direction, PerImage] = {}
        self.notes: list[str] = []
        self._compared: dict[Direction, list[int]] = {}

    def measure(
        self, limit: int | None = None, baselines: Mapping[Direction, Baselines] | None = None
    ) -> dict[str, dict[str, float]]:
        """Measure the first ``limit`` images, or all.

        Args:
            limit: how many.
            baselines: what was fitted to training images, by direction; it is measured beside the translations.

        Returns:
            By direction: the metrics of pairs and their baselines where the truth is known, and how many
            ``images`` were compared with it (see :class:`~i2i.evaluation.pairs.PairMetrics`); those of sets, of these
            images (see :class:`~i2i.evaluation.sets.SetMetrics`); ``cycle_l1`` where there is a way back.
        """
        pairs, sets = (of_family(self.metrics, family) for family in ("pairs", "sets"))
        l1 = [metric for metric in pairs if metric.name == "l1"]
        fitted = {direction: (baselines or {}).get(direction) for direction in self.directions}
        truth = {direction: PairMetrics(pairs, fitted[direction]) for direction in self.directions}
        cycle = {direction: PairMetrics(l1) for direction in self.directions if self._way_back(direction)}
        distances = {direction: SetMetrics(sets, fitted[direction], direction) for direction in self.directions if sets}
        self._compared = {direction: [] for direction in self.directions}
        with self._inference():
            for index, batch in self._images(self._first(limit)):
                for direction in self.directions:
                    source, target = direction.source, direction.target
                    output = self._translate(direction, batch[source])
                    if direction in cycle:
                        back = self._translate(direction.reversed, output)
                        cycle[direction].update(back, batch[source], batch[source])
                    if direction in distances:
                        distances[direction].add_translations([output], [batch[source]])
                        distances[direction].add_targets([batch[target]])
                    if bool(batch["A_has_partner"]):
                        name = batch.get(f"{source}_name", [str(index)])
                        truth[direction].update(output, batch[target], batch[source], name)
                        self._compared[direction].append(index)
            results: dict[str, dict[str, float]] = {}
            for direction in self.directions:
                results[direction] = truth[direction].compute() if self._compared[direction] else {}
                if direction in distances and distances[direction].targets >= FEWEST:
                    results[direction] |= distances[direction].compute()
                if direction in cycle:
                    results[direction][CYCLE] = cycle[direction].compute()["l1"]
        measured = [found for found in distances.values() if found.targets >= FEWEST]
        self.notes = list(dict.fromkeys(note for found in measured for note in found.notes()))
        self.per_image = {way: found.per_image() for way, found in truth.items() if self._compared[way]}
        return results

    def write_cases(self, folder: Path, step: int) -> None:
        """Write what :meth:`measure` found of single images into a run folder: a table, the best and the worst."""
        with self._inference():
            for direction, found in self.per_image.items():
                write_values(folder, direction, found)
                if chosen := choose_cases(found):
                    places = [self._compared[direction][place] for place in chosen]
                    write_cases(folder, direction, step, found, chosen, self._columns(direction, places))

    def write_sheets(self, folder: Path, step: int, count: int) -> None:
        """Write the sheet of the first ``count`` images for each direction."""
        with self._inference():
            for direction in self.directions:
                if columns := self._columns(direction, self._first(count)):
                    write_sheet(folder, step, direction, columns)

    def write_picture(self, path: Path, count: int) -> None:
        """Write the headline picture, of the first direction."""
        with self._inference():
            if columns := self._columns(next(iter(self.directions)), self._first(count)):
                write_picture(path, columns)

    def _columns(self, direction: Direction, places: Sequence[int]) -> dict[str, Tensor]:
        """The columns of a sheet, empty when there is no held-out image."""
        source, target = direction.source, direction.target
        source_name, target_name = self.dataset.domains[source], self.dataset.domains[target]
        columns: dict[str, list[Tensor]] = {}
        truth = f"truth ({target_name})"
        have_truth = []
        for _, batch in self._images(places):
            output = self._translate(direction, batch[source])
            columns.setdefault(f"input ({source_name})", []).append(batch[source])
            columns.setdefault(f"output ({target_name})", []).append(output)
            if self._way_back(direction):
                back = self._translate(direction.reversed, output)
                columns.setdefault(f"back again ({source_name})", []).append(back)
            columns.setdefault(truth, []).append(batch[target])
            have_truth.append(bool(batch["A_has_partner"]))
        if not all(have_truth):
            del columns[truth]
        shown = {title: stack_images(images) for title, images in columns.items()}
        values = values_of(self.dataset)
        for title, domain in (
            (name, target if name in (f"output ({target_name})", truth) else source) for name in shown
        ):
            if (values[domain] or {}).get("opacity"):
                shown[title] = over_white(shown[title])
        return dict(drawable(title, images) for title, images in shown.items())

    def _way_back(self, direction: Direction) -> bool:
        return direction.reversed in self.directions

    def _translate(self, direction: Direction, images: Tensor) -> Tensor:
        network = self.directions[direction]
        random = own_random_numbers() if self.paper_inference else nullcontext()  # as a translator's, image by image
        with random, calling(network, f"translating a held-out image {direction}"):
            output: Tensor = network(images.to(self.device))
        return output.float().cpu()

    def _first(self, limit: int | None) -> range:
        return range(len(self.dataset) if limit is None else min(limit, len(self.dataset)))

    def _images(self, places: Sequence[int]) -> Iterable[tuple[int, Mapping[str, Any]]]:
        for index in counted(places, "looking at held-out images"):
            with calling(self.dataset, f"reading held-out sample {index}"):
                batch = {"A_has_partner": False, **collate([self.dataset[0, index]])}  # type: ignore[list-item]
            yield index, batch

    @contextmanager
    def _inference(self) -> Iterator[None]:
        with leaving_no_trace(self.directions.values(), paper=self.paper_inference):
            yield
