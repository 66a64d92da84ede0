#!/bin/sh
# PyAV 18.1.0: add_stream_from_template drops language, title and disposition of audio, and keeps them for attachments.
#
# Source: av/container/output.py, add_stream_from_template and _add_stream_without_codec_from_template; own observation.
# Behaviour: a stream copied "from a template" into another file has no metadata and no disposition, so a film with a
# German track, a French one and a commentary becomes one with three tracks that nobody can tell apart. Streams without a
# codec (attachments, data) take the other way through the code, which copies both.
# What helps: copy.metadata.update(stream.metadata); copy.disposition = stream.disposition, before the first packet.
# Seen: "audio: deu Kommentar 8 -> None None 0; attachment: a.ttf -> a.ttf".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy
cat > run.py <<'PYTHON'
import sys
import av, numpy as np
from av.stream import Disposition

with av.open("a.mkv", "w") as out:
    audio = out.add_stream("aac", rate=48000, layout="stereo")
    audio.metadata.update(language="deu", title="Kommentar")
    audio.disposition = Disposition.comment
    out.add_attachment("a.ttf", "font/ttf", b"a font")
    samples = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp", layout="stereo")
    samples.sample_rate, samples.pts = 48000, 0
    out.mux(audio.encode(samples))
    out.mux(audio.encode())
with av.open("a.mkv") as source, av.open("b.mkv", "w") as out:
    copies = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
    for packet in source.demux(audio=0):
        if packet.dts is not None:
            packet.stream = copies[packet.stream.index]
            out.mux(packet)


def about(path):
    with av.open(path) as file:
        audio = file.streams.audio[0]
        attachment = next(stream for stream in file.streams if stream.type == "attachment")
        words = [audio.metadata.get("language"), audio.metadata.get("title"), int(audio.disposition)]
        return " ".join(map(str, words)), attachment.metadata.get("filename")


before, after = about("a.mkv"), about("b.mkv")
seen = f"audio: {before[0]} -> {after[0]}; attachment: {before[1]} -> {after[1]}"
print(seen)
sys.exit(seen != "audio: deu Kommentar 8 -> None None 0; attachment: a.ttf -> a.ttf")
PYTHON
venv/bin/python run.py
