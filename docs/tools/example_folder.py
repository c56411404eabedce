"""Makes the folder in which the pages' commands run: sounds and a detector.

`python docs/tools/example_folder.py try` makes it, `cd try` goes there, and
then every command of the pages can be typed as it stands.

Authors
 * The speechbrain-opensed contributors 2026
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lhotse_recipes.soundscapes import ProceduralBank

__all__ = ["ROOT", "make_folder", "street"]

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
# Tiny and untrained: it shows what commands do, its scores mean nothing.
DETECTOR = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
    sample_rate: 16000
    hop_seconds: 0.04
    window_seconds: 10.0
text_encoder: !new:speechbrain_opensed.lobes.text.encoders.HashTextEncoder
    dim: 8
model: !new:speechbrain_opensed.lobes.flexsed.FlexSED
    embed_dim: 16
    depth: 2
    num_heads: 2
    ft_blocks: 1
    cls_dim: 8
"""
# The same for search: sounds and texts in one space.
ALIGNER = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
    hop_seconds: 0.16
    window_seconds: 5.12
    normalize: null
model: !new:speechbrain_opensed.lobes.finelap.FineLAP
    embed_dim: 16
    depth: 1
    num_heads: 2
    embed_size: 16
    target_length: 512
    tokenizer: hash
    roberta:
        vocab_size: 99
        hidden_size: 16
        num_hidden_layers: 1
        num_attention_heads: 2
        intermediate_size: 32
text_encoder: !new:speechbrain_opensed.lobes.text.finelap.FineLAPTextEncoder
    model: !ref <model>
"""
BANK = ("high pulsing bell", "low steady buzz", "low rising bell")


def street() -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """The recording that most pages hear: ten seconds, and its events."""
    return _scene(ProceduralBank(seed=1, sampling_rate=RATE), 0, 10)


def make_detector(folder: Path) -> Path:
    """Exports a detector, the same each time."""
    import torch

    model = _build(DETECTOR)
    # As it begins it would answer the same to every phrase.
    torch.nn.init.normal_(model.decoder.sed_head.weight)
    torch.nn.init.normal_(model.decoder.blocks[0].adaln.weight)
    return _export(folder, DETECTOR, model)


def make_aligner(folder: Path) -> Path:
    """Exports a model of sounds and texts, the same each time."""
    return _export(folder, ALIGNER, _build(ALIGNER))


def _build(text: str) -> Any:
    import torch
    from hyperpyyaml import load_hyperpyyaml

    torch.manual_seed(1)
    return load_hyperpyyaml(text)["model"].eval()


def _export(folder: Path, text: str, model: Any) -> Path:
    from speechbrain_opensed.inference import export_detector

    with tempfile.TemporaryDirectory() as made:
        yaml = Path(made) / "train.yaml"
        yaml.write_text(text)
        return export_detector(folder, yaml, {"model": model})


def make_folder(folder: Path) -> Path:
    """Writes all that the pages name."""
    bank = ProceduralBank(seed=1, sampling_rate=RATE)
    make_detector(folder / "detector")
    make_aligner(folder / "aligner")
    # What the README hears is left by `make demo`.
    demo = folder / "results/FlexSED/demo"
    make_detector(demo / "detector")
    _write(demo / "fresh.wav", street()[0])
    _write(folder / "street.wav", street()[0])
    _write(folder / "talk.wav", _scene(bank, 1, 6)[0])
    _write(folder / "night.wav", _scene(bank, 2, 45)[0])
    for number in (1, 2):
        bell = bank.synthesize("mid warbling horn", number)
        _write(folder / f"bell{number}.wav", bell)
    for number, name in enumerate(("a.wav", "sub/b.wav", "sub/c.flac")):
        _write(folder / "recordings" / name, _scene(bank, 3 + number, 4)[0])
    for label in BANK:
        for number in range(10):
            path = folder / "bank" / label.replace(" ", "_") / f"{number}.wav"
            _write(path, bank.synthesize(label, 60 + number))
    for number in range(2):
        path = folder / "backgrounds" / f"{number}.wav"
        _write(path, bank.background(90 + number, 12.0))
    (folder / "phrases.txt").write_text("\n".join(BANK) + "\n")
    events = ["filename\tonset\toffset\tevent_label"]
    found = list(events)
    for number in range(3):
        name = f"{number}.wav"
        _write(folder / "annotated" / name, _scene(bank, 10 + number, 5)[0])
        events.append(f"{name}\t0.5\t1.5\thigh_pulsing_bell")
        found.append(f"{name}\t0.6\t{1.4 + number / 10:.1f}\thigh_pulsing_bell")
    (folder / "annotated/events.tsv").write_text("\n".join(events) + "\n")
    (folder / "found.tsv").write_text("\n".join(found) + "\n")
    return folder


def _scene(
    bank: ProceduralBank, number: int, seconds: float
) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Noise with one of the sounds every two and a half seconds."""
    wave = bank.background(number, seconds)[: round(seconds * RATE)].copy()
    events = []
    for index in range(round(seconds / 2.5)):
        start = round((0.5 + 2.5 * index) * RATE)
        sound = bank.synthesize(BANK[index % 3], 40 + number + index)
        sound = sound[: len(wave) - start]
        wave[start : start + len(sound)] += sound
        onset, offset = start / RATE, (start + len(sound)) / RATE
        events.append((BANK[index % 3], onset, offset))
    return 0.9 * wave / np.abs(wave).max(), events


def _write(path: Path, wave: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE)


if __name__ == "__main__":
    print(make_folder(Path(sys.argv[1] if len(sys.argv) > 1 else "try")))
