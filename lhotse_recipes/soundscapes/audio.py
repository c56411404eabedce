"""Soundscapes as audio: FLAC files, or Lhotse Shar.

Mixtures need no audio files to be trained on; they are for other programs, and
for storage that likes few large files.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from lhotse import AudioSource, CutSet, MonoCut, Recording
from lhotse.cut import Cut
from lhotse.shar.utils import to_shar_placeholder
from tqdm import tqdm

from lhotse_recipes.building.corpus import process_pool
from lhotse_recipes.fingerprint import Stamp, audio_key, digest
from lhotse_recipes.io import PrepareReport, write_atomically, write_jsonl
from lhotse_recipes.names import file_name, refuse_alike
from lhotse_recipes.outputs import locked
from lhotse_recipes.soundscapes.render import render

__all__ = ["FORMS", "write_audio"]

FORMS = ("flac", "shar")


def write_audio(
    cuts: Iterable[Cut],
    output_dir: str | Path,
    form: str = "flac",
    *,
    bits: int = 16,
    shard_size: int = 500,
    prefix: str = "rendered",
    part: str = "all",
    total: int | None = None,
    num_jobs: int = 1,
    executor: Executor | None = None,
) -> CutSet:
    """
    Render mixtures to files.

    Clips are written in shards; one that is there already, made of the same
    mixtures, is not rendered again, so an interrupted call goes on where it
    stopped. The same cuts give the same files, whatever the number of jobs. A
    clip with samples beyond ±1 is scaled to fit, and reported.

    :param cuts: mixtures, lazy ones in constant memory.
    :param output_dir: folder. ``"flac"`` puts ``flac/<shard>/<cut>.flac`` there
        and ``<prefix>_cuts_<part>.jsonl.gz``; ``"shar"`` fills a folder
        ``shar`` for ``CutSet.from_shar(in_dir=...)``.
    :param form: ``"flac"`` or ``"shar"``.
    :param bits: of a sample, 16 or 24. Backgrounds of −60 dB full scale keep
        about 40 dB above the rounding noise of 16 bits.
    :param shard_size: clips of a shard.
    :param prefix: of the manifest and report.
    :param part: second part of their names.
    :param total: number of cuts, for the progress bar where they are lazy.
    :param num_jobs: processes.
    :param executor: any executor, used instead of own processes; it must see
        the same files.
    :return: the rendered cuts with their annotation, lazily.
    :raises ValueError: an unknown form, no cuts, shards of other mixtures in
        the folder, or with ``"shar"`` an id that is no file name.
    :raises OSError: another process renders into the folder.
    """
    if form not in FORMS:
        raise ValueError(f"form {form!r}: choose from {', '.join(FORMS)}")
    if bits not in (16, 24):
        raise ValueError(f"bits {bits}: FLAC has 16 or 24")
    if shard_size < 1:
        raise ValueError(f"shard_size {shard_size} must be at least 1")
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    report = PrepareReport(prefix, part)
    own_pool = executor is None and num_jobs > 1
    pool = process_pool(num_jobs) if own_pool else nullcontext(executor)
    work = partial(_write_shard, folder=folder, form=form, bits=bits)
    shards = []
    with (
        locked(folder / form),
        pool as workers,
        tqdm(total=total, unit=" clips", desc=form) as bar,
    ):
        # A few shards per worker are under way, not all that there are.
        ahead = 2 * (num_jobs if own_pool else 16)
        jobs = enumerate(_batches(cuts, shard_size))
        while some := list(islice(jobs, ahead if workers else 1)):
            mapper = workers.map if workers else map
            for number, ids, scaled in mapper(work, some):
                shards.append(number)
                bar.update(len(ids))
                report.count("clips", len(ids))
                for name in scaled:
                    report.note("scaled to fit below full scale", name)
    if not shards:
        raise ValueError(f"no cuts to render to {folder}")
    beyond = _shard_files(folder, len(shards), form)["about"]
    if beyond.is_file():
        raise ValueError(
            f"{folder} has more shards than {len(shards)}, of other mixtures; "
            "choose another folder"
        )
    print(report.summary())
    report.save(folder)
    if form == "shar":
        return CutSet.from_shar(in_dir=folder / "shar")
    path = folder / f"{prefix}_cuts_{part}.jsonl.gz"
    with write_atomically(path, "wb") as file:
        for number in shards:
            # Members of a gzip file may follow each other.
            cuts_file = _shard_files(folder, number, form)["cuts"]
            file.write(cuts_file.read_bytes())
    return CutSet.from_file(path)


def _batches(cuts: Iterable[Cut], size: int) -> Iterator[list[Cut]]:
    iterator = iter(cuts)
    while batch := list(islice(iterator, size)):
        yield batch


def _shard_files(folder: Path, number: int, form: str) -> dict[str, Path]:
    shard = f"{number:06d}"
    about = folder / f".{form}" / f"{shard}.json"
    if form == "shar":
        # Lhotse takes everything in a Shar folder for a field.
        return {
            "cuts": folder / form / f"cuts.{shard}.jsonl.gz",
            "audio": folder / form / f"recording.{shard}.tar",
            "about": about,
        }
    return {
        "cuts": folder / form / shard / "cuts.jsonl.gz",
        "audio": folder / form / shard,
        "about": about,
    }


def _write_shard(
    job: tuple[int, list[Cut]], folder: Path, form: str, bits: int
) -> tuple[int, list[str], list[str]]:
    number, cuts = job
    files = _shard_files(folder, number, form)
    about = {
        "mixtures": digest([cut.to_dict() for cut in cuts]),
        "sources": digest([audio_key(cut) for cut in cuts]),
        "bits": bits,
    }
    stamp = Stamp(files["about"], about)
    if stamp.refuse_other(
        f"audio ({files['audio'].name})", "choose another folder, or remove it"
    ):
        found = stamp.read() or {}
        return number, found["ids"], found["scaled"]
    write = _write_tar if form == "shar" else _write_files
    rendered, scaled = write(cuts, files["audio"], bits)
    write_jsonl(files["cuts"], rendered)
    ids = [cut.id for cut in cuts]
    stamp.write(ids=ids, scaled=scaled)
    return number, ids, scaled


def _write_files(
    cuts: list[Cut], folder: Path, bits: int
) -> tuple[list[MonoCut], list[str]]:
    rendered, scaled = [], []
    refuse_alike(folder, [file_name(cut.id) for cut in cuts])
    for cut in cuts:
        packed, is_scaled = _encode(cut, bits)
        path = folder / file_name(cut.id, ".flac")
        with write_atomically(path, "wb") as file:
            file.write(packed)
        rendered.append(_cut_of(cut, AudioSource("file", [0], str(path))))
        scaled += [cut.id] * is_scaled
    return rendered, scaled


def _write_tar(
    cuts: list[Cut], path: Path, bits: int
) -> tuple[list[MonoCut], list[str]]:
    rendered, scaled = [], []
    # Whoever unpacks it has files of these names.
    refuse_alike(path.parent, [cut.id for cut in cuts])
    with (
        write_atomically(path, "wb") as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        for cut in cuts:
            if file_name(cut.id) != cut.id:
                raise ValueError(
                    f"cut {cut.id!r}: Shar stores clips under their ids, and "
                    f"this is no file name; call it {file_name(cut.id)!r}, or "
                    'use form="flac"'
                )
            packed, is_scaled = _encode(cut, bits)
            one = _cut_of(cut, AudioSource("shar", [0], ""))
            one.recording = to_shar_placeholder(one.recording, one)
            rendered.append(one)
            scaled += [cut.id] * is_scaled
            row = json.dumps(one.recording.to_dict()).encode() + b"\n"
            for suffix, content in (("flac", packed), ("json", row)):
                info = tarfile.TarInfo(f"{cut.id}.{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return rendered, scaled


def _encode(cut: Cut, bits: int) -> tuple[bytes, bool]:
    samples = render(cut)
    peak = float(np.abs(samples).max())
    # The largest positive number of an integer format is below 1.
    limit = 1.0 - 2.0 ** (1 - bits)
    if peak > limit:
        samples = samples * np.float32(limit / peak)
    stream = io.BytesIO()
    sf.write(
        stream, samples, cut.sampling_rate, format="FLAC", subtype=f"PCM_{bits}"
    )
    return stream.getvalue(), peak > limit


def _cut_of(cut: Cut, source: AudioSource) -> MonoCut:
    recording = Recording(
        id=cut.id,
        sources=[source],
        sampling_rate=cut.sampling_rate,
        num_samples=cut.num_samples,
        duration=cut.num_samples / cut.sampling_rate,
    )
    custom: dict[str, Any] = dict(cut.custom or {})
    supervisions = []
    for sup in cut.supervisions:
        # What was heard of each recording is now heard in this one.
        sup = sup.with_offset(0.0)
        sup.recording_id, sup.channel = cut.id, 0
        supervisions.append(sup)
    return MonoCut(
        id=cut.id,
        start=0.0,
        duration=recording.duration,
        channel=0,
        recording=recording,
        supervisions=supervisions,
        custom=custom,
    )
