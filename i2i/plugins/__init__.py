"""The plugin engine. Imports no torch.

Everything a plugin author needs is exported here; see ``docs/writing-a-plugin.md``.
"""

from i2i.plugins.component_options import Options
from i2i.plugins.hookspecs import hookimpl
from i2i.plugins.specs import BufferSpec, DatasetSpec, DiscriminatorSpec, GeneratorSpec, LossSpec, MethodSpec

__all__ = [
    "BufferSpec",
    "DatasetSpec",
    "DiscriminatorSpec",
    "GeneratorSpec",
    "LossSpec",
    "MethodSpec",
    "Options",
    "hookimpl",
]
