"""`opensed soundscapes`: mixtures with known events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import click

__all__ = ["soundscapes"]


def _span(kind):
    return click.Tuple([kind, kind])


@click.command(
    short_help="Mix sounds into clips with known events.",
    context_settings={"show_default": True},
)
@click.argument("bank")
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-n", "--num", type=click.IntRange(min=1), default=100, help="Clips."
)
@click.option("--seed", type=int, default=0, help="Of all choices.")
@click.option("-j", "--num-jobs", type=click.IntRange(min=1), default=1)
@click.option("--duration", type=float, default=10.0, help="Seconds of a clip.")
@click.option(
    "--events",
    type=_span(int),
    default=(1, 4),
    help="Least and most sounds in a clip.",
)
@click.option(
    "--repeats",
    type=_span(int),
    default=(1, 3),
    help="Least and most occurrences of each.",
)
@click.option(
    "--snr",
    type=_span(float),
    default=(5.0, 20.0),
    help="Event to background, in dB.",
)
@click.option("--sampling-rate", type=int, default=16000, help="In Hz.")
@click.option(
    "--backgrounds",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of recordings or manifest of cuts; default: coloured noise.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="Use this label only; may be repeated.",
)
@click.option(
    "--split",
    default="train",
    help="Which part of a folder or table to draw from, and the name of the "
    "result.",
)
def soundscapes(
    bank,
    output,
    num,
    seed,
    num_jobs,
    duration,
    events,
    repeats,
    snr,
    sampling_rate,
    backgrounds,
    labels,
    split,
):
    """Mix the sounds of a BANK into soundscapes; write manifests to OUTPUT.

    BANK is `procedural` for made-up sounds, a folder LABEL/*.wav, a csv with
    the columns path and label, or a manifest of cuts with one event each.
    What is written are recipes of the mixtures, which Lhotse renders when
    they are read.
    """
    from lhotse_recipes.soundscapes import simulate_soundscapes

    cuts = simulate_soundscapes(
        _load_bank(bank, output, sampling_rate, split, num_jobs),
        _load_backgrounds(backgrounds),
        num_clips=num,
        seed=seed,
        duration=duration,
        events_per_clip=events,
        repeats=repeats,
        snr=snr,
        labels=labels or None,
        sampling_rate=sampling_rate,
        output_dir=output,
        part=split,
        num_jobs=num_jobs,
    )
    count = sum(1 for _ in cuts)
    click.echo(f"{count} clips: {output}/soundscapes_cuts_{split}.jsonl.gz")


def _load_bank(bank, output, sampling_rate, split, num_jobs):
    if bank == "procedural":
        from lhotse_recipes.soundscapes import ProceduralBank

        sounds = ProceduralBank(sampling_rate=sampling_rate)
        return sounds.write(output / "bank", num_jobs=num_jobs)
    path = Path(bank)
    if not path.exists():
        raise ValueError(
            f"no bank {bank}: give `procedural`, a folder, a csv or a "
            "manifest of cuts"
        )
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        from speechbrain_opensed.workflows.scoring import read_cuts

        return read_cuts(path)
    from lhotse_recipes import prepare_event_bank

    parts = prepare_event_bank(path, output / "bank", num_jobs=num_jobs)
    if split not in parts:
        raise ValueError(
            f"{bank} has no split {split!r}: choose from {sorted(parts)}"
        )
    return parts[split]


def _load_backgrounds(path):
    if path is None:
        return None
    if path.is_file():
        from speechbrain_opensed.workflows.scoring import read_cuts

        return read_cuts(path)
    from lhotse import RecordingSet

    from lhotse_recipes.corpus import (
        AUDIO_SUFFIXES,
        find_files,
        open_recording,
    )

    files = list(find_files(path, AUDIO_SUFFIXES))
    if not files:
        raise ValueError(f"no recordings in {path}")
    return RecordingSet.from_recordings(
        open_recording(Path(file).relative_to(path).as_posix(), file)
        for file in files
    )
