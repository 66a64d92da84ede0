"""A package that reads and writes Netpbm images: the one that the page on plugins shows."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-plugin.md"
(SOURCE,) = re.findall(r'^```python title="netpbm.py"\n(.*?)^```$', PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def write_ppm(path, pixels):
    """Write ``[H, W, 3]`` of uint8; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"P6\n{pixels.shape[1]} {pixels.shape[0]}\n255\n".encode() + pixels.tobytes())
    return path
