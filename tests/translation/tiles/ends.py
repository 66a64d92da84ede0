"""A tensor as source and sink of tiles, and a network computed tile by tile without anything around it."""

import torch

from i2i.translation.tiles.compute import stream
from i2i.translation.tiles.graph import trace
from i2i.translation.tiles.passes import plan_passes
from i2i.translation.tiles.storage import Storage


class Ends:
    def __init__(self, image):
        self.image = image

    def read(self, box):
        return self.image[:, :, slice(*box.rows), slice(*box.columns)]

    def write(self, box, tile):
        place = self.image[:, :, slice(*box.rows), slice(*box.columns)]
        assert place.isnan().all(), "each pixel is written once"
        place.copy_(tile)


@torch.no_grad()
def in_tiles(network, image, *, side, budget=1 << 40, folder=None):
    """Translate ``[1, C, H, W]`` in tiles, and check that nothing is left behind."""
    graph = trace(network, *image.shape[1:])
    result = Ends(torch.full((1, *graph.nodes[graph.output].extent), torch.nan))
    plan = plan_passes(graph, side, budget)
    with Storage(budget, folder) as storage:
        stream(plan, Ends(image), result, storage, device=torch.device("cpu"))
        assert not storage._planes, "every plane is released by the pass that reads it last"
    return result.image
