"""`opensed soundscapes`: mixtures with known events.

Authors
 * The speechbrain-opensed contributors 2026
"""

from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from lhotse_recipes.cli import output_argument
from speechbrain_opensed.commands.checks import refuse_among, refuse_without
from speechbrain_opensed.commands.interrupts import prompt_interrupts
from speechbrain_opensed.commands.options import count_option

__all__ = ["soundscapes"]


def _span(kind):
    return click.Tuple([kind, kind])


# Options that act beside --clip-events alone.
_CLIPPING = ("threshold_db", "window", "event_seconds", "ontology")
# Options that `simulate_soundscapes` has by the same name.
_AS_CALLED = """duration repeats repeat_below snr vary_snr speed max_polyphony
peak sampling_rate""".split()


_COUNT = click.IntRange(min=1)


@click.command(short_help="Mix sounds into clips with known events.")
@click.argument("bank")
@output_argument(click.Path(file_okay=False, path_type=Path))
@click.option("-n", "--num", type=_COUNT, default=100, help="Clips.")
@click.option("--seed", type=int, default=0, help="Of all choices.")
@click.option("-j", "--num-jobs", type=_COUNT, default=1, help="Processes.")
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
    "--repeat-below",
    type=float,
    help="Sounds of so many seconds or more are heard once.",
)
@click.option(
    "--snr",
    type=_span(float),
    default=(5.0, 20.0),
    help="Event to background, in dB.",
)
@click.option(
    "--vary-snr",
    is_flag=True,
    help="Draw the ratio anew for each occurrence of a sound.",
)
@click.option(
    "--speed",
    type=_span(float),
    help="Play sounds so many times faster; changes pitch and length.",
)
@click.option(
    "--max-polyphony",
    type=click.IntRange(min=1),
    help="Most sounds at a time.",
)
@click.option(
    "--peak",
    type=float,
    help="Scale each clip until its largest sample is this.",
)
@click.option("--sampling-rate", type=int, default=16000, help="In Hz.")
@click.option(
    "--backgrounds",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of recordings or manifest of cuts; default: coloured noise.",
)
@click.option(
    "--cut-backgrounds",
    type=float,
    metavar="SECONDS",
    help="Cut the backgrounds into pieces of this length.",
)
@click.option(
    "--rooms",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of room responses or manifest of cuts; each clip is heard "
    "in one of them.",
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
@click.option(
    "--clip-events",
    is_flag=True,
    help="Take from each recording of BANK with one tag the first stretch "
    "that is loud enough, as FineLAP does.",
)
@click.option(
    "--threshold-db",
    type=float,
    default=-20.0,
    help="What is loud enough: energy of 1024 samples, in dB.",
)
@count_option(
    "--window",
    default=20,
    help="Frames of 512 samples without sound that end an event.",
)
@click.option(
    "--event-seconds",
    type=_span(float),
    default=(1.0, 7.5),
    help="Shortest and longest event that --clip-events keeps.",
)
@click.option(
    "--ontology",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="AudioSet's ontology.json: with --clip-events a recording tagged "
    "Dog and Animal counts as one of a dog.",
)
@click.option(
    "--captions",
    type=click.Choice(["none", "rules", "llm"]),
    default="none",
    help="Describe each clip in a sentence: by rules, or by the language "
    "model that OPENSED_LLM_BASE_URL and OPENSED_LLM_MODEL name.",
)
@click.option(
    "--audio",
    type=click.Choice(["none", "flac", "shar"]),
    default="none",
    help="Also write the sound: one FLAC file per clip, or Lhotse Shar.",
)
@click.option(
    "--bits",
    type=click.Choice(["16", "24"]),
    default="16",
    help="Of a sample that is written.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Work on the Dask cluster of this scheduler instead of in -j "
    "processes; it must see the same files.",
)
@prompt_interrupts()
def soundscapes(
    bank: str,
    output: Path,
    num: int,
    seed: int,
    num_jobs: int,
    split: str,
    **options: Any,
) -> None:
    """Mix the sounds of a BANK into soundscapes; write manifests to OUTPUT.

    BANK is `procedural` for made-up sounds, a folder LABEL/*.wav, a csv with
    the columns path and label, or a manifest of cuts with one event each
    (with --clip-events: one tag each). What is written are recipes of the
    mixtures, which Lhotse renders when they are read.

    The same options give the same clips for any number of jobs, and an
    interrupted command goes on where it stopped when it is given again. With
    other options or another bank it is refused: soundscapes are not replaced.
    """
    from lhotse_recipes.outputs import locked
    from lhotse_recipes.soundscapes import simulate_soundscapes, write_audio

    if not options["clip_events"]:
        refuse_without("--clip-events", _CLIPPING)
    if options["audio"] == "none":
        refuse_without("--audio", ["bits"])
    refuse_among(output, (bank, options["backgrounds"], options["rooms"]))
    claim = output / f".soundscapes_{split}.json"
    with locked(claim), _cluster(options["dask"]) as executor:
        _claim(claim, bank, {"num": num, "seed": seed, **options})
        backgrounds = _load_backgrounds(options)
        cuts = simulate_soundscapes(
            _load_bank(bank, output, split, num_jobs, options),
            backgrounds,
            num_clips=num,
            seed=seed,
            events_per_clip=options["events"],
            rooms=_load_recordings(options["rooms"]),
            captions=options["captions"] == "rules",
            labels=options["labels"] or None,
            output_dir=output,
            part=split,
            num_jobs=num_jobs,
            executor=executor,
            **{name: options[name] for name in _AS_CALLED},
        )
        manifest = output / f"soundscapes_cuts_{split}.jsonl.gz"
        if options["captions"] == "llm":
            manifest = output / f"soundscapes-captioned_cuts_{split}.jsonl.gz"
            cuts = _caption(cuts, manifest)
        click.echo(f"{num} clips: {manifest}")
        if options["audio"] != "none":
            write_audio(
                cuts,
                output / "audio",
                options["audio"],
                bits=int(options["bits"]),
                prefix="soundscapes",
                part=split,
                total=num,
                num_jobs=num_jobs,
                executor=executor,
            )
            click.echo(f"{num} clips: {output / 'audio' / options['audio']}")


def _claim(path, bank, options):
    """Notes what the folder's soundscapes are made from, or refuses others."""
    from lhotse_recipes.fingerprint import Stamp, state_of

    about = {"bank": bank, "version": version("speechbrain-opensed"), **options}
    for name in ("audio", "bits", "dask"):  # of what is made of them
        del about[name]
    for name in ("bank", "backgrounds", "rooms", "ontology"):
        if about[name] is not None and Path(about[name]).exists():
            about[name] = state_of(about[name], [path.parent])
    stamp = Stamp(path, about)
    split = path.stem.removeprefix(".soundscapes_")
    manifest = path.with_name(f"soundscapes_cuts_{split}.jsonl.gz")
    if manifest.exists() and not stamp.fits():
        raise ValueError(
            f"{manifest} was made from {stamp.difference()}: choose another "
            "folder, or remove what is in this one"
        )
    stamp.write()


def _cluster(address):
    if address is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "--dask needs Dask: pip install 'dask[distributed]'"
        ) from None
    # The client's executor closes with it, and leaves the cluster alone.
    return Client(address).get_executor()


def _caption(cuts, manifest):
    from lhotse_recipes.manifests import read_cuts
    from speechbrain_opensed.language.captions import caption_clips
    from speechbrain_opensed.language.client import LlmClient, LlmError

    try:
        report = caption_clips(cuts, LlmClient.from_environment(), manifest)
    except LlmError as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.summary())
    return read_cuts(manifest)


def _load_bank(bank, output, split, num_jobs, options):
    found = _find_bank(bank, output, split, num_jobs, options["sampling_rate"])
    if not options["clip_events"]:
        return found
    from lhotse_recipes.soundscapes.clip_events import EnergyWindow, clip_events

    return clip_events(
        found,
        EnergyWindow(options["threshold_db"], options["window"]),
        options["event_seconds"],
        ontology=options["ontology"],
        output_dir=output / "bank",
        part=split,
        num_jobs=num_jobs,
    )


def _find_bank(bank, output, split, num_jobs, sampling_rate):
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
        from lhotse_recipes.manifests import read_cuts

        return read_cuts(path)
    from lhotse_recipes import prepare_event_bank

    parts = prepare_event_bank(path, output / "bank", num_jobs=num_jobs)
    if split not in parts:
        raise ValueError(
            f"{bank} has no split {split!r}: choose from {sorted(parts)}"
        )
    return parts[split]


def _load_backgrounds(options):
    recordings = _load_recordings(options["backgrounds"])
    seconds = options["cut_backgrounds"]
    if seconds is None:
        return recordings
    if recordings is None:
        raise ValueError("--cut-backgrounds needs --backgrounds")
    from lhotse_recipes.soundscapes import cut_backgrounds

    return cut_backgrounds(recordings, seconds)


def _load_recordings(path):
    if path is None:
        return None
    if path.is_file():
        from lhotse_recipes.manifests import read_cuts

        return read_cuts(path)
    from lhotse import RecordingSet

    from lhotse_recipes.building import corpus

    files = list(corpus.find_files(path, corpus.AUDIO_SUFFIXES))
    if not files:
        raise ValueError(f"no recordings in {path}")
    return RecordingSet.from_recordings(
        corpus.open_recording(Path(file).relative_to(path).as_posix(), file)
        for file in files
    )
