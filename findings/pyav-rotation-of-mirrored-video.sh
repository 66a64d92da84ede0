#!/bin/sh
# PyAV 18.1.0 (FFmpeg 8.1): VideoFrame.rotation of a video that is mirrored names an angle which makes it wrong.
#
# Source: own observation; PyAV's documentation calls it "the rotation component of the DISPLAYMATRIX".
# Behaviour: a display matrix may turn and mirror in eight ways (phones' front cameras mirror). rotation has one angle for
# it: a picture mirrored left to right (-1 0 0 1) is said to be turned by 180 degrees, like one that is upside down
# (-1 0 0 -1); one mirrored top to bottom (1 0 0 -1) by 0, like one that is as it should be. Turning by that angle puts
# the first upside down and leaves the second as it is, without an error. Nor does rotation say that it left something out.
# The whole matrix is in frame.side_data (DISPLAYMATRIX, nine native 32-bit integers).
# Seen: "plain 0, mirrored 180, flipped 0, upside down 180" (180 may have either sign).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy
cat > run.py <<'PYTHON'
import struct, sys
import av, numpy as np

ONE = 1 << 16
with av.open("plain.mp4", "w") as out:
    video = out.add_stream("libx264", rate=5)
    video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
    for _ in range(3):
        out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
    out.mux(video.encode())
plain = open("plain.mp4", "rb").read()
seen, kept = [], []
for name, (a, b, c, d) in {
    "plain": (ONE, 0, 0, ONE),
    "mirrored": (-ONE, 0, 0, ONE),
    "flipped": (ONE, 0, 0, -ONE),
    "upside down": (-ONE, 0, 0, -ONE),
}.items():
    raw = bytearray(plain)
    at = raw.find(b"tkhd") + 44
    raw[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    open("a.mp4", "wb").write(raw)
    with av.open("a.mp4") as file:
        frame = next(file.decode(video=0))
        seen.append(f"{name} {abs(frame.rotation)}")
        matrix = frame.side_data.get("DISPLAYMATRIX")
        kept.append(matrix is None or struct.unpack("=9i", bytes(matrix))[:5] == (a, b, 0, c, d))
seen = ", ".join(seen)
print(seen, "| matrix as stored:", all(kept))
sys.exit(seen != "plain 0, mirrored 180, flipped 0, upside down 180")
PYTHON
venv/bin/python run.py
