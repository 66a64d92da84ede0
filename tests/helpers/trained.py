"""Checkpoints of generators that were never trained: what a translator does is the same."""

import torch

import i2i
from i2i.evaluation.baselines import Baselines, write_baselines
from i2i.models.checkpoint import CheckpointFolder
from i2i.plugins.directions import Direction

TINY = {"blocks": 1, "base_channels": 4}


def generator_of(name="resnet", in_channels=3, out_channels=3, seed=0, **options):
    """A generator whose weights are large enough that its outputs differ from grey."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options = {**(TINY if name == "resnet" else {}), "init_gain": 0.1, **options}
        return i2i.create("generator", name, in_channels=in_channels, out_channels=out_channels, **options), options


def write_run(folder, *, step=7, score=None, directions=("AtoB",), networks=None, more=None, **generator):
    """Write a run folder with one checkpoint more, and return it and its generators by direction."""
    networks = networks or {way: generator_of(seed=seed, **generator) for seed, way in enumerate(directions)}
    name = generator.get("name", "resnet")
    description = {
        "step": step,
        "world_size": 1,
        "score": score,
        "metrics": {way: {"l1": 12.5, "identity_l1": 20.0} for way in networks},
        "generators": {
            f"G_{way[0]}": {
                "file": f"G_{way[0]}.safetensors",
                "direction": way,
                "component": {"name": name, **options},
                "in_channels": generator.get("in_channels", 3),
                "out_channels": generator.get("out_channels", 3),
                "package": f"i2i {i2i.__version__}",
                "moving_average": False,
            }
            for way, (_, options) in networks.items()
        },
        "domains": {"A": "line", "B": "3d"},
        "value_range": [-1.0, 1.0],
        "preprocessing": {"background": "#0000ff", "max_pixels": 1_000_000},
        "inference": "deterministic",
        "config": {"method": {"name": "pix2pix"}},
        **(more or {}),
    }
    checkpoints = CheckpointFolder(folder / "checkpoints", keep=100)
    checkpoints.write_rank(step, 0, {})
    weights = {f"G_{way[0]}": network.state_dict() for way, (network, _) in networks.items()}
    checkpoints.write(step, description, weights, {}, 1)
    return folder, {way: network.eval() for way, (network, _) in networks.items()}


def write_sample_run(folder, **generator):
    """Write what one step of CycleGAN on the built-in sample ``sample:flat-3d`` leaves, and return the folder.

    Its one checkpoint is the latest and the best. It holds no page, no curves, and nothing to resume training with;
    what it says to have fitted is grey for the constant, and a colour fit that changes nothing.
    """
    config = i2i.resolve("sample:flat-3d")
    described = {
        "domains": {"A": "flat", "B": "3d"},
        "preprocessing": config.data.options.model_dump(mode="json"),
        "config": config.to_dict(),
    }
    folder, _ = write_run(folder, step=1, score=1.0, directions=("AtoB", "BtoA"), more=described, **generator)
    terms = tuple(tuple(map(float, row)) for row in torch.eye(10)[:, 1:4].tolist())
    unchanged = Baselines((128.0,) * 3, "least squares", terms)
    write_baselines(folder, dict.fromkeys(Direction, unchanged))
    return folder
