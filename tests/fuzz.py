"""Feed readers with damaged files, for a bounded time, and keep what breaks.

Run by `make fuzz`, or `python -m tests.fuzz --seconds 60 --only wav jams`. A
reader may give a result, or an error that names the file; anything else, and
what takes longer than ten seconds, is kept in tests/fixtures/crashes, which
`tests/unit/test_crashes.py` reads. The same seed makes the same files.
"""

import argparse
import hashlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from lhotse_recipes import formats
from lhotse_recipes.clips import Annotation, Clip, ClipTable
from lhotse_recipes.formats.jams import jams_text
from lhotse_recipes.formats.labelstudio import labelstudio_tasks
from lhotse_recipes.formats.raven import raven_text
from lhotse_recipes.formats.textgrid import textgrid_text
from lhotse_recipes.io import PrepareReport
from lhotse_recipes.json_files import read_json_lines
from lhotse_recipes.manifests import read_cuts
from lhotse_recipes.sound import inspect_audio, read_blocks

ROOT = Path(__file__).resolve().parents[1]

CRASHES = ROOT / "tests/fixtures/crashes"
#: Seconds until a reader hangs.
PATIENCE = 10
_CLIP = Clip("yard", "yard.wav", duration=10.0)
_CLIP.annotations += [
    Annotation("event", "a dog", "Dog", 0.5, 1.25, "/m/0bt9lr", 0.75),
    Annotation("event", "rain", 'say "rain"', 1.0, 3.5),
    Annotation("tag", "rain", "Rain"),
    Annotation("caption", "A dog barks."),
]
_CUT = {
    "id": "c",
    "start": 0,
    "duration": 1.0,
    "channel": 0,
    "supervisions": [
        {"id": "s", "recording_id": "r", "start": 0.1, "duration": 0.2}
    ],
    "recording": {
        "id": "r",
        "sources": [{"type": "file", "channels": [0], "source": "ok.wav"}],
        "sampling_rate": 16000,
        "num_samples": 16000,
        "duration": 1.0,
    },
    "type": "MonoCut",
}
_YAML = """a: 1
spec: !new:speechbrain_opensed.core.spec.SedSpec
    hop_seconds: 0.04
b: !ref <a> * 2
c: &x [1, 2.5, {d: text}]
e: *x
"""


def _sound(suffix, subtype=None):
    data = io.BytesIO()
    wave = 0.1 * np.random.default_rng(0).standard_normal((800, 2))
    soundfile.write(data, wave, 16000, subtype, format=suffix)
    return data.getvalue()


def _into_table(reader, **more):
    def read(path):
        reader(path, ClipTable(PrepareReport("c", "p")), **more)

    return read


def _hear(path):
    for _ in read_blocks(inspect_audio(path), 4096):
        pass


def _check_yaml(path):
    from speechbrain_opensed.inference.safe_yaml import check_yaml

    check_yaml(path.read_bytes().decode("utf-8"), str(path))


#: Reader by name: a suffix, seeds, and what reads a file.
READERS = {
    "wav": (".wav", [_sound("WAV"), _sound("WAV", "FLOAT")], _hear),
    "flac": (".flac", [_sound("FLAC")], _hear),
    "ogg": (".ogg", [_sound("OGG")], _hear),
    "mp3": (".mp3", [_sound("MP3")], _hear),
    "textgrid": (
        ".TextGrid",
        [textgrid_text(_CLIP).encode()],
        _into_table(formats.read_textgrid),
    ),
    "jams": (
        ".jams", [jams_text(_CLIP).encode()], _into_table(formats.read_jams),
    ),
    "tsv": (
        ".tsv",
        [
            b"filename\tonset\toffset\tevent_label\nyard.wav\t0.5\t1\tDog\n",
            b"yard.wav\t0.5\t1\tDog\n",
            b"0.5 1.0 Dog\n",
        ],
        _into_table(formats.read_dcase),
    ),
    "audacity": (
        ".txt", [b"0.5\t1.0\tDog\n"], _into_table(formats.read_audacity),
    ),
    "raven": (
        ".txt", [raven_text(_CLIP).encode()], _into_table(formats.read_raven),
    ),
    "labelstudio": (
        ".json",
        [json.dumps(list(labelstudio_tasks([_CLIP]))).encode()],
        _into_table(formats.read_labelstudio),
    ),
    "finelap": (
        ".jsonl",
        [b'{"audio_id": "a.wav", "caption": "x", "phrases": [{"phrase": "d", '
         b'"segments": [[0.5, 1.0]]}]}\n'],
        _into_table(formats.read_finelap),
    ),
    "jsonl": (
        ".jsonl",
        [b'{"id": 1, "start": 0.5}\n'],
        lambda path: list(read_json_lines(path)),
    ),
    "cuts": (
        ".jsonl",
        [json.dumps(_CUT).encode() + b"\n"],
        lambda path: list(read_cuts(path)),
    ),
    "yaml": (".yaml", [_YAML.encode()], _check_yaml),
}  # fmt: skip
_TOKENS = [
    b"NaN", b"-1", b"1e999", b"null", b"[]", b"{}", b'""', b"0", b"\xff\xfe",
    b"\0", b"\n", b"\t", b'"', b"\xe2\x80\xa8", b"[" * 300, b"{\"a\":" * 300,
    b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"!!python/name:os.system",
    b"&a [*a]", b"\\ud800", b"9" * 5000,
]  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A few changes of the kinds that files suffer, or attackers make."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        place = rng.randrange(len(made) + 1)
        end = min(len(made), place + rng.choice((1, 2, 4, 16, 64)))
        kind = rng.randrange(6)
        if kind == 0 and place < len(made):
            made[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del made[place:end]
        elif kind == 2:
            made[place:place] = made[place:end] * rng.choice((1, 2, 50))
        elif kind == 3:
            made[place:end] = rng.choice(_TOKENS)
        elif kind == 4:
            del made[place:]
        else:
            made[place:end] = rng.randbytes(end - place)
    return bytes(made)


class _Hangs(BaseException):
    pass


def _alarm(number, frame):
    raise _Hangs


def fault_of(name: str, path: Path) -> str:
    """What is wrong with how a reader takes a file; "" where nothing is."""
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(PATIENCE)
    try:
        READERS[name][2](path)
    except (ValueError, OSError) as error:
        if path.name not in str(error) and not isinstance(error, UnicodeError):
            return f"the error does not name the file: {error}"
    except _Hangs:
        return f"it takes more than {PATIENCE} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return ""


def main():
    """Fuzzes all readers in turns, and lists what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(READERS))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    # Decoders complain to the screen by themselves.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    end = time.monotonic() + options.seconds
    tried = dict.fromkeys(options.only, 0)
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for name in options.only:
                suffix, seeds, _ = READERS[name]
                data = mutate(rng.choice(seeds), rng)
                path = Path(folder) / f"input{suffix}"
                path.write_bytes(data)
                tried[name] += 1
                fault = fault_of(name, path)
                # One example of each kind: numbers and names differ.
                kind = name + "".join(c for c in fault[:60] if c.isalpha())
                if fault and kind not in found:
                    found[kind] = fault
                    digest = hashlib.sha256(data).hexdigest()[:12]
                    CRASHES.mkdir(parents=True, exist_ok=True)
                    (CRASHES / f"{name}-{digest}{suffix}").write_bytes(data)
                    print(f"{name}: {fault[:300]}", flush=True)
    print(f"{sum(tried.values())} files: {tried}; {len(found)} faults")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
