"""PT2 archives: programs of ``torch.export``, run by PyTorch and read back without running what else is in them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from i2i.exporting import standalone
from i2i.exporting.exact_norm import with_exact_norms
from i2i.exporting.half_filters import with_half_filters
from i2i.models import exported_record
from i2i.plugins.exporter_protocol import OpenedFile, TracedTranslator
from i2i.tensors.devices import check_device
from i2i.tensors.tracing import TRACING


class TorchFormat:
    """Writes and reads PT2 archives; see :class:`~i2i.plugins.exporter_protocol.ReadingExporter`."""

    runner = Path(standalone.__file__).parent / "run_torch.py"

    @property
    def runtime(self) -> str:
        """PyTorch, with its version."""
        return f"torch {torch.__version__}"

    def require(self) -> None:
        """Need nothing beside torch."""

    def prepare(self, network: nn.Module) -> nn.Module:
        """A copy that stores filters as float16 where that loses nothing."""
        return with_half_filters(network)

    def write(self, traced: TracedTranslator, path: Path) -> None:
        """Write one file."""
        program = with_exact_norms(traced.program, "torch")
        torch.export.save(program, path, extra_files={exported_record.FILE: traced.record})

    def open(self, path: Path, device: str, *, trust: bool) -> OpenedFile:
        """Open a file for any device; without ``trust`` weights and a graph of PyTorch's operators are all it takes."""
        from i2i.models.pt2_archive import load_program, program_on  # with torch's exporter, which takes a second

        place = check_device(device)
        program, texts = load_program(path, trust=trust)
        with TRACING:
            module = program_on(program, place).module()

        def translate(images: Tensor) -> Tensor:
            output: Tensor = module(images.to(place))
            return output

        return OpenedFile(translate, texts.get(exported_record.FILE), place)
