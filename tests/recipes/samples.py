"""Small recordings that are generated for the tests of the recipes."""

import json
from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 16000
LABELS = ("Beep", "Buzz", "Hiss", "Thump")
# Strokes of Beijing-Opera's instruments.
OPERA = ("bangu", "daluo", "naobo", "xiaoluo")
# Classes of AudioSet-Strong; Dog includes Bark.
AUDIOSET_LABELS = ("Dog", "Speech", "Music", "Siren", "Bark")
# What the recipe of FineLAP reads.
CORPORA = (
    "audioset-strong-captioned_cuts_train",
    "desed_cuts_strong",
    "urban-sed_cuts_train",
    "audiocaps_cuts_train",
    "wavcaps_cuts_freesound",
    "soundscapes_cuts_train",
    "desed_cuts_validation",
    "audiogrounding_cuts_val",
    "audiocaps_cuts_test",
    "clotho_cuts_evaluation",
    *(f"esc50_cuts_fold{fold}" for fold in range(1, 6)),
    *(f"urbansound8k_cuts_fold{fold}" for fold in range(1, 11)),
    "desed_cuts_public",
    "audioset-strong_cuts_eval",
    "urban-sed_cuts_test",
    "audiogrounding_cuts_test",
)


def sound(label: str, number: int, seconds: float) -> np.ndarray:
    """A sound whose label can be heard; the number varies the pitch."""
    index = (*LABELS, *AUDIOSET_LABELS).index(label)
    rng = np.random.default_rng([index, number])
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 200 * 1.5 ** (index % 6) * rng.uniform(0.9, 1.1)
    kind = index % 3
    if kind == 0:
        wave = np.sin(2 * np.pi * pitch * time)
    elif kind == 1:
        wave = np.sign(np.sin(2 * np.pi * pitch * time))
    else:
        wave = rng.standard_normal(len(time)) * np.exp(-4 * time)
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.01)
    noise = 1e-3 * rng.standard_normal(len(time))
    return (0.3 * wave * fade / np.abs(wave).max() + noise).astype(np.float32)


def write_event_bank(folder: Path) -> Path:
    """Writes `label/*.wav`, about a second each, and `events.csv` of them."""
    lines = ["path,label,split,group"]
    splits = ("train", "train", "train", "valid", "test", "test")
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number, split in enumerate(splits):
            wave = sound(label, number, 0.8 + 0.1 * (number % 4))
            path = f"{label}/{label.lower()}{number}.wav"
            sf.write(folder / path, wave, RATE)
            lines.append(f"{path},{label},{split},{label}{number}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_backgrounds(folder: Path, files: int = 3) -> Path:
    """Writes quiet noise of ten seconds each."""
    folder.mkdir(parents=True)
    for number in range(files):
        noise = np.random.default_rng(number).standard_normal(10 * RATE)
        noise = 0.02 * np.convolve(noise, np.ones(8) / 8, "same")
        sf.write(folder / f"background{number}.wav", noise, RATE)
    return folder


def write_audioset(folder: Path, clips: int = 6) -> Path:
    """Writes a tree like AudioSet-Strong's, audio and the two tables."""
    from lhotse_recipes.vocabulary import Vocabulary

    vocabulary = Vocabulary.load("audioset_strong")
    mids = {entry.label: entry.mid for entry in vocabulary.entries}
    (folder / "audio").mkdir(parents=True)
    for part, letter in (("train", "T"), ("eval", "E")):
        lines = ["segment_id\tstart_time_seconds\tend_time_seconds\tlabel"]
        for number in range(clips):
            segment = f"{letter}clip_-{number:04d}_{10000 * number}"
            rng = np.random.default_rng([ord(letter), number])
            clip = 0.001 * rng.standard_normal(10 * RATE)
            for index in range(3):
                label = AUDIOSET_LABELS[(number + index) % 5]
                onset = round(rng.uniform(0, 8), 3)
                wave = sound(label, number, 1.5)
                start = round(onset * RATE)
                clip[start : start + len(wave)] += wave
                lines.append(
                    f"{segment}\t{onset:.3f}\t{onset + 1.5:.3f}\t{mids[label]}"
                )
            sf.write(folder / "audio" / f"{segment}.wav", clip, RATE)
        table = folder / f"audioset_{part}_strong.tsv"
        table.write_text("\n".join(lines) + "\n")
    return folder


def write_spoken(folder: Path, train: int = 24, other: int = 6) -> Path:
    """Writes manifests of "speech", a tone for each letter.

    A recording has two utterances; every third has a buzz under the first,
    and its manifest says so.
    """
    from lhotse import CutSet, Recording, SupervisionSegment

    from lhotse_recipes.schema import event

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    time = np.arange(RATE // 5) / RATE
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 90 * np.arange(RATE) / RATE))
    for part, count in (("train", train), ("valid", other), ("test", other)):
        cuts = []
        for number in range(count // 2):
            texts = [
                " ".join("".join(rng.choice(list("ABCD"), 2)) for _ in "12")
                for _ in range(2)
            ]
            wave = np.zeros(2 * RATE)
            for at, letter in enumerate("".join(texts).replace(" ", "_")):
                # A space is silence.
                pitch = 0 if letter == "_" else 400 + 350 * "ABCD".index(letter)
                first = at // 5 * RATE + at % 5 * len(time)
                wave[first : first + len(time)] = 0.1 * np.sin(
                    2 * np.pi * pitch * time
                )
            wave += 0.003 * rng.standard_normal(len(wave))
            name = f"{part}{number:03d}"
            noisy = number % 3 == 0
            if noisy:
                wave[:RATE] += buzz
            sf.write(folder / f"{name}.wav", wave, RATE)
            cut = Recording.from_file(folder / f"{name}.wav").to_cut()
            cut.supervisions = [
                SupervisionSegment(
                    f"{name}-{at}", name, float(at), 1.0, text=text
                )
                for at, text in enumerate(texts)
            ]
            if noisy:
                cut.supervisions += [event(name, 0, 0.0, 1.0, "buzz", "buzz")]
            cuts.append(cut)
        CutSet.from_cuts(cuts).to_file(folder / f"{part}.jsonl.gz")
    return folder


def write_opera(folder: Path) -> Path:
    """Writes a tree like Beijing-Opera's, with tables as PALM's."""
    folder.mkdir(parents=True)
    for part, numbers in (("train", range(2)), ("test", range(2, 4))):
        lines = ["path,classname"]
        for stroke, like in zip(OPERA, LABELS, strict=True):
            for number in numbers:
                wave = sound(like, number, 0.3)
                sf.write(folder / f"{stroke}{number}.wav", wave, RATE)
                lines.append(f"{stroke}{number}.wav,{stroke}")
        (folder / f"{part}.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_corpora(folder: Path, clips: int = 4) -> Path:
    """Writes manifests such as `opensed prepare` leaves, and a phrase bank.

    All hold the same clips, with events, a tag and captions.
    """
    from lhotse import CutSet, Recording
    from lhotse.utils import fastcopy

    from lhotse_recipes.schema import caption, event, tag

    (folder / "audio").mkdir(parents=True)
    cuts = []
    for number in range(clips):
        label = AUDIOSET_LABELS[number % 5]
        path = folder / "audio" / f"clip{number}.wav"
        sf.write(path, sound(label, number, 2.0 + number), RATE)
        cut = Recording.from_file(path).to_cut()
        name, seconds = cut.recording_id, cut.duration
        cut.supervisions = [
            event(name, 0, 0.5, 1.5, label, label),
            tag(name, 0, seconds, label, label),
            caption(name, 0, seconds, f"This is {label}."),
            caption(name, 1, seconds, f"One hears {label}."),
        ]
        cut.custom = {"vocabulary": "audioset_strong", "events_complete": True}
        cuts.append(cut)
    for number, name in enumerate(CORPORA):
        kept = cuts
        if "_fold" in name:
            # No clip is in two folds.
            cut = cuts[number % clips]
            kept = [fastcopy(cut, id=f"{name}-{cut.id}")]
        CutSet.from_cuts(kept).to_file(folder / f"{name}.jsonl.gz")
    lines = [
        json.dumps({"phrase": label, "alternatives": [label]})
        for label in AUDIOSET_LABELS
    ]
    (folder / "phrase_bank.jsonl").write_text("\n".join(lines) + "\n")
    _write_roberta(folder / "roberta")
    return folder


def _write_roberta(folder: Path) -> None:
    """Writes a RoBERTa of next to no size."""
    from transformers import RobertaConfig, RobertaModel

    sizes = RobertaConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
    )
    RobertaModel(sizes, add_pooling_layer=False).save_pretrained(folder)


def write_captioned(folder: Path, clips: int = 12) -> Path:
    """Writes clips with two events and a caption, and `cuts.jsonl`."""
    from lhotse import CutSet, Recording

    from lhotse_recipes.schema import caption, event

    folder.mkdir(parents=True)
    cuts = []
    for number in range(clips):
        name = f"clip{number:02d}"
        labels = LABELS[number % 4], LABELS[(number + 1) % 4]
        wave = 1e-3 * np.random.default_rng(number).standard_normal(4 * RATE)
        for onset, label in zip((0, 2), labels, strict=True):
            wave[onset * RATE : (onset + 2) * RATE] += sound(label, number, 2.0)
        sf.write(folder / f"{name}.wav", wave, RATE)
        cut = Recording.from_file(folder / f"{name}.wav").to_cut()
        cut.id = name
        cut.supervisions = [
            *(
                event(name, k, 2.0 * k, 2.0 * k + 1.5, label.lower(), label)
                for k, label in enumerate(labels)
            ),
            caption(name, 0, 4.0, f"A {labels[0]}, then a {labels[1]}."),
        ]
        cuts.append(cut)
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl")
    return folder


def write_t5(folder: Path) -> Path:
    """Writes a tiny text encoder of the T5 family, with its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        PreTrainedTokenizerFast,
        T5Config,
        T5EncoderModel,
    )

    words = ["<pad>", "</s>", "<unk>", "a", "then", *map(str.lower, LABELS)]
    tokenizer = Tokenizer(
        models.WordLevel({w: k for k, w in enumerate(words)}, "<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        "$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    ).save_pretrained(folder)
    T5EncoderModel(
        T5Config(
            vocab_size=len(words),
            d_model=8,
            d_kv=4,
            d_ff=16,
            num_layers=1,
            num_heads=2,
        )
    ).save_pretrained(folder)
    return folder


def write_tiny_tango(folder: Path, t5: Path) -> Path:
    """Writes Tango's folder in the sizes of the row of its recipe."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5EncoderModel,
    )

    from speechbrain_opensed.checkpoints.tango_layout import SIZES
    from tests.tango_folder import tango_states, write_tango

    few = {"layers_per_block": 1, "norm_num_groups": 4}
    tiny = {
        "unet": {
            **few,
            "block_out_channels": [8, 8, 16, 16],
            "attention_head_dim": 2,
            "cross_attention_dim": 8,
        },
        "vae": {**few, "block_out_channels": [8, 8, 8]},
        "vocoder": {"upsample_initial_channel": 32},
    }
    sizes = {part: {**SIZES[part], **own} for part, own in tiny.items()}
    models = {
        "unet": UNet2DConditionModel(**sizes["unet"]),
        "vae": AutoencoderKL(**sizes["vae"]),
        "vocoder": SpeechT5HifiGan(SpeechT5HifiGanConfig(**sizes["vocoder"])),
        "text_encoder": T5EncoderModel.from_pretrained(t5),
    }
    # As it begins it would be silent in 16 bit.
    torch.nn.init.normal_(models["vocoder"].conv_post.weight, std=1e4)
    scale = sizes["vae"]["scaling_factor"]
    return write_tango(folder, tango_states(models), scale_factor=scale)
