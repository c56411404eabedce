"""Small corpora under their real names, with their real forms of annotation.

The sounds are made; `samples.sound` gives each label its own.
"""

import json

import numpy as np
import soundfile as sf

from lhotse_recipes.vocabulary import Vocabulary
from tests.recipes.samples import RATE, write_audioset

VIDEOS = ("abcdefghijk", "bcdefghijkl", "cdefghijklm", "defghijklmn")
DESED = ("Dog", "Speech", "Cat", "Blender")


def tone(number, seconds=10.0, rate=RATE):
    """A sound that comes and goes, another one for each number."""
    rng = np.random.default_rng(number)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 150 * 1.3 ** (number % 12)
    wave = 0.3 * np.sin(2 * np.pi * pitch * time)
    wave *= np.sin(2 * np.pi * time / seconds * 2) > 0
    return wave + 0.003 * rng.standard_normal(len(time))


def audio(folder, name, number=0, seconds=10.0, rate=RATE, channels=1):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = tone(number, seconds, rate)
    sf.write(path, np.stack([wave] * channels, axis=1), rate)


def text(folder, name, lines):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def audiocaps(folder):
    for part, videos in (("train", VIDEOS[:3]), ("test", VIDEOS[3:])):
        rows, number = ["audiocap_id,youtube_id,start_time,caption"], 0
        for video in videos:
            audio(folder, f"{part}/{video}_30.flac", number)
            for said in range(1 if part == "train" else 5):
                number += 1
                rows.append(f"{number},{video},30,A sound {said} of {video}")
        text(folder, f"dataset/{part}.csv", rows)
    return folder


def clotho(folder):
    head = "file_name," + ",".join(f"caption_{k}" for k in range(1, 6))
    for part in ("development", "evaluation"):
        rows = [head]
        for number in range(2):
            name = f"{part} wind {number}.wav"
            audio(folder, f"{part}/{name}", number, 15.0, 44100)
            said = ",".join(f"Wind {number} {k}" for k in range(5))
            rows.append(f"{name},{said}")
        text(folder, f"clotho_captions_{part}.csv", rows)
    return folder


def wavcaps(folder):
    sources = {
        "FreeSound/fsd_final.json": ("FreeSound", ["12", "17"]),
        "BBC_Sound_Effects/bbc_final.json": ("BBC_Sound_Effects", ["NHU1"]),
        "SoundBible/sb_final.json": ("SoundBible", ["12"]),
    }
    for table, (place, names) in sources.items():
        data = [
            {"id": name, "caption": f"Sound {name}.", "duration": 4.0}
            for name in names
        ]
        for number, name in enumerate(names):
            audio(folder, f"{place}/{name}.flac", number, 4.0, 32000)
        whole = json.dumps({"num_captions_per_audio": 1, "data": data})
        text(folder, f"json_files/{table}", [whole])
    return folder


def audioset_strong(folder, clips=6):
    """With WavCaps' captions of the training clips beside."""
    write_audioset(folder, clips)
    clips = sorted((folder / "audio").glob("Tclip*.wav"))
    data = [
        {
            "id": f"Y{path.stem.rpartition('_')[0]}.wav",
            "caption": f"A dog and more, {k}.",
            "duration": 10.0,
        }
        for k, path in enumerate(clips)
    ]
    whole = json.dumps({"num_captions_per_audio": 1, "data": data})
    text(folder, "AudioSet_SL/as_final.json", [whole])
    for path in clips:
        video = path.stem.rpartition("_")[0]
        (folder / "AudioSet_SL" / f"Y{video}.wav").write_bytes(
            path.read_bytes()
        )
    return folder


def desed(folder):
    head = "filename\tonset\toffset\tevent_label"
    weak = ["filename\tevent_labels"]
    strong = {
        "train/audioset_strong": "train/strong_label_real",
        "train/synthetic21_train/soundscapes": (
            "train/synthetic21_train/soundscapes"
        ),
        "validation/validation": "validation/validation",
        "eval/public": "eval/public",
    }
    for table, place in strong.items():
        rows = [head]
        for number in range(3):
            name = f"Y{place[-3:]}deSed{number:03d}_{number}.000_9.000.wav"
            audio(folder / "audio" / place, name, number, 10.0)
            label, other = DESED[number], DESED[number + 1]
            rows += [
                f"{name}\t0.0\t2.5\t{label}",
                f"{name}\t5.0\t7.5\t{other}",
            ]
        text(folder, f"metadata/{table}.tsv", rows)
    for number in range(3):
        name = f"Yweakdesed{number}_0.000_10.000.wav"
        audio(folder / "audio/train/weak", name, number)
        weak.append(f"{name}\t{DESED[number]},{DESED[number + 1]}")
        name = f"Yunladesed{number}_0.000_10.000.wav"
        audio(folder / "audio/train/unlabel_in_domain", name, number)
    text(folder, "metadata/train/weak.tsv", weak)
    unlabelled = [f"Yunladesed{k}_0.000_10.000.wav" for k in range(3)]
    text(
        folder,
        "metadata/train/unlabel_in_domain.tsv",
        ["filename", *unlabelled],
    )
    return folder


def urbansed(folder):
    root = folder / "URBAN-SED_v2.0.0"
    for part in ("train", "validate", "test"):
        for number, label in enumerate(("siren", "dog_bark")):
            name = f"soundscape_{part}_uniform{number}"
            audio(root / f"audio/{part}", f"{name}.wav", number, 10.0, 44100)
            value = {"label": label, "role": "foreground"}
            event = {"time": 0.5, "duration": 2.0, "value": value}
            jams = {
                "annotations": [{"namespace": "scaper", "data": [event]}],
                "file_metadata": {"duration": 10.0},
            }
            text(root, f"annotations/{part}/{name}.jams", [json.dumps(jams)])
    return folder


def audiogrounding(folder):
    for part, number in (("val", 1), ("test", 2)):
        name = f"Ygrounding{number}_30.000_40.000.wav"
        audio(folder / part, name, number)
        entry = {
            "audiocap_id": number,
            "audio_id": name,
            "tokens": "a dog barks and a cat meows",
            "phrases": [
                {
                    "phrase": "a dog barks",
                    "start_index": 0,
                    "end_index": 2,
                    "segments": [[0.25, 2.5], [5.0, 7.0]],
                },
                {
                    "phrase": "a cat meows",
                    "start_index": 4,
                    "end_index": 6,
                    "segments": [[5.0, 7.5]],
                },
            ],
        }
        text(folder, f"{part}.json", [json.dumps([entry])])
    return folder


def esc50(folder, whole=False):
    """A class in each fold, or all of them, in short."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    labels = ("dog", "rain", "sneezing", "siren", "engine")
    if whole:
        labels = sorted(Vocabulary.load("esc50").labels)
    for fold in range(1, 6):
        for number in range(len(labels)) if whole else [fold - 1]:
            target, source = 10 * number, 100 * number + fold
            name = f"{fold}-{source}-A-{target}.wav"
            seconds = 0.3 if whole else 5.0
            audio(folder / "audio", name, number + 1, seconds, 44100)
            label = labels[number].replace(" ", "_")
            rows.append(f"{name},{fold},{target},{label},True,{source},A")
    text(folder, "meta/esc50.csv", rows)
    return folder


def urbansound8k(folder, whole=False):
    """A class in each fold, or all of them, in short."""
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    labels = Vocabulary.load("urbansound8k").labels
    for fold in range(1, 11):
        for number in range(10) if whole else [fold - 1]:
            # Of the Freesound recording that WavCaps has as well.
            source = 16 + fold + (100 * number if whole else 0)
            name = f"{source}-{number}-0-0.wav"
            seconds = 0.3 if whole else 2.0
            audio(folder / f"audio/fold{fold}", name, number, seconds, 44100, 2)
            label = labels[number].replace(" ", "_")
            rows.append(f"{name},{source},0,2,1,{fold},{number},{label}")
    text(folder, "metadata/UrbanSound8K.csv", rows)
    return folder


def vggsound(folder):
    labels = ("dog barking", "playing piano")
    text(
        folder,
        "vggsound.csv",
        [f"vggsound_0{k},30,{labels[k]},test" for k in range(2)],
    )
    for k in range(2):
        audio(folder, f"vggsound_0{k}_000030.flac", k)
    return folder


def fsd50k(folder):
    ground = "FSD50K.ground_truth"
    text(folder, f"{ground}/vocabulary.csv", ["0,Bark,/m/05tny_", "1,Cat,/m/0"])
    rows = ["fname,labels,mids,split"]
    for number, label in enumerate(("Bark", "Cat", "Bark", "Cat")):
        audio(folder, f"FSD50K.dev_audio/{900 + number}.wav", number, 3.0)
        rows.append(f"{900 + number},{label},/m/0,train")
    text(folder, f"{ground}/dev.csv", rows)
    text(folder, f"{ground}/eval.csv", ["fname,labels,mids", "990,Cat,/m/0"])
    audio(folder, "FSD50K.eval_audio/990.wav", 9, 3.0)
    return folder


def ambience(folder):
    for number in range(2):
        noise = np.random.default_rng(number).standard_normal(25 * RATE)
        folder.mkdir(parents=True, exist_ok=True)
        sf.write(folder / f"park{number}.wav", 0.02 * noise, RATE)
    return folder


CORPORA = {
    "AudioSet-Strong": audioset_strong,
    "DESED": desed,
    "URBAN-SED": urbansed,
    "AudioCaps": audiocaps,
    "Clotho": clotho,
    "WavCaps": wavcaps,
    "AudioGrounding": audiogrounding,
    "ESC-50": esc50,
    "UrbanSound8K": urbansound8k,
    "VGGSound": vggsound,
    "FSD50K": fsd50k,
    "Ambience": ambience,
}
