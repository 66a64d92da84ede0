#!/bin/sh
# PyAV 18.1.0 (FFmpeg 8.1): a container's list of codecs names some that it refuses, but only at its header.
#
# Source: own observation; OutputContainer.supported_codecs "returns a set of all codecs this format supports".
# Behaviour: for "mov", supported_codecs names opus and flac, and add_stream_from_template takes such a stream; the file
# fails only when its header is written, with EINVAL and no word about which stream. The real answer comes from writing a
# header of that one stream into memory.
# Seen: "mov opus: listed, added, Invalid argument; mov flac: listed, added, Invalid argument; mp4 opus: listed, added, ok".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy
cat > run.py <<'PYTHON'
import io, sys
import av, numpy as np


def sound(codec):
    path = f"{codec}.mkv"
    with av.open(path, "w") as out:
        audio = out.add_stream(codec, rate=48000, layout="stereo")
        kind = np.float32 if "flt" in audio.codec_context.format.name else np.int16
        for number in range(10):
            samples = av.AudioFrame.from_ndarray(
                np.zeros((1, 2 * 960), kind), format=audio.codec_context.format.name, layout="stereo"
            )
            samples.sample_rate, samples.pts = 48000, 960 * number
            out.mux(audio.encode(samples))
        out.mux(audio.encode())
    return path


seen = []
for container, codec, encoder in (("mov", "opus", "libopus"), ("mov", "flac", "flac"), ("mp4", "opus", "libopus")):
    with av.open(sound(encoder)) as source:
        out = av.open(io.BytesIO(), "w", format=container)
        words = ["listed" if codec in out.supported_codecs else "not listed"]
        try:
            out.add_stream_from_template(source.streams.audio[0])
            words.append("added")
            out.start_encoding()
            words.append("ok")
        except (av.FFmpegError, ValueError) as error:
            words.append(getattr(error, "strerror", None) or str(error))
        seen.append(f"{container} {codec}: {', '.join(words)}")
seen = "; ".join(seen)
print(seen)
expected = "mov opus: listed, added, Invalid argument; mov flac: listed, added, Invalid argument; mp4 opus: listed, added, ok"
sys.exit(seen != expected)
PYTHON
venv/bin/python run.py
