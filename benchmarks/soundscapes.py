"""How long it takes to plan soundscapes and to turn them into sound.

Usage: python benchmarks/soundscapes.py [--clips 20000] [--jobs 2]
       [--events EVENTS.csv --backgrounds FOLDER] [--scaper FOLDER]
Without recordings of your own the procedural bank is measured. Prints tables;
mixtures have 1 to 4 sounds of 1 to 3 occurrences in 10 s at 16 kHz.

With --scaper the first mixtures are also made by Scaper 1.6.5 (Salamon et al.,
WASPAA 2017) from the same recordings: the same events at the same times, with
the same ratios. FOLDER is a virtual environment, made when it is missing; that
needs a connection to PyPI, and sox with its headers (apt install sox
libsox-dev). Run it with OMP_NUM_THREADS=1: rates are per processor second, so
that other programs on the machine matter little.
"""

import argparse
import json
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lhotse import CutSet, RecordingSet

from lhotse_recipes.building.corpus import (
    AUDIO_SUFFIXES,
    find_files,
    open_recording,
)
from lhotse_recipes.corpora.event_bank import prepare_event_bank
from lhotse_recipes.schema import events_of
from lhotse_recipes.soundscapes import (
    ProceduralBank,
    simulate_soundscapes,
    write_audio,
)
from lhotse_recipes.soundscapes.render import SourceCache, render

RENDERED = 300
DURATION, RATE = 10.0, 16000
SCAPER = "scaper==1.6.5"


class Clock:
    """Seconds and processor seconds of what happens inside `with`."""

    def __enter__(self):
        self.begin, self.cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *error):
        self.seconds = time.perf_counter() - self.begin
        self.cpu = _cpu_seconds() - self.cpu


def _cpu_seconds():
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(one.ru_utime + one.ru_stime for one in used)


def load(arguments, folder):
    """
    The bank that is asked for.

    :param arguments: of the command line.
    :param folder: where to write a procedural one.
    :return: name, events, backgrounds.
    """
    if arguments.events is None:
        bank = ProceduralBank().write(folder / "bank")
        return "procedural", bank["events"], bank["backgrounds"]
    part = prepare_event_bank(arguments.events)["train"]
    if arguments.backgrounds is None:
        bank = ProceduralBank().write(folder / "bank", per_phrase=0)
        return "recorded", part, bank["backgrounds"]
    files = find_files(arguments.backgrounds, AUDIO_SUFFIXES)
    grounds = RecordingSet.from_recordings(
        open_recording(Path(file).stem, file) for file in files
    )
    return "recorded", part, grounds


def plan(events, backgrounds, clips, jobs, folder):
    """
    Plan and write a manifest.

    :param events: bank.
    :param backgrounds: of the bank.
    :param clips: how many.
    :param jobs: processes.
    :param folder: where the manifest goes.
    :return: the clips, lazily.
    """
    return simulate_soundscapes(
        events,
        backgrounds,
        num_clips=clips,
        seed=0,
        duration=DURATION,
        sampling_rate=RATE,
        output_dir=folder,
        num_jobs=jobs,
    )


def measure_plan(events, backgrounds, arguments, folder):
    """
    Time of planning, of reading the manifest, and its size.

    :param events: bank.
    :param backgrounds: of the bank.
    :param arguments: of the command line.
    :param folder: where manifests go.
    :return: the clips and rows (what, number, unit).
    """
    clips, rows = arguments.clips, []
    for jobs in sorted({1, arguments.jobs}):
        with Clock() as clock:
            cuts = plan(events, backgrounds, clips, jobs, folder / str(jobs))
        what = f"plan {clips} clips, {jobs} job(s)"
        rows.append((what, clock.seconds, "s"))
        rows.append(("  processor time of all jobs", clock.cpu, "s"))
    path = folder / str(jobs) / "soundscapes_cuts_all.jsonl.gz"
    rows.append(("  size of the manifest", path.stat().st_size / 1e6, "MB"))
    with Clock() as clock:
        count = sum(1 for _ in CutSet.from_jsonl_lazy(path))
    rows.append((f"  read {count} clips lazily", clock.seconds, "s"))
    return cuts, rows


def measure_memory(arguments):
    """
    Peak memory of planning and of rendering, for few and for many clips.

    :param arguments: of the command line.
    :return: rows (what, number, unit).
    """
    rows = []
    most = min(arguments.clips, 20000)
    for what, numbers in (
        ("plan", (most // 10, most)),
        ("write", (RENDERED // 3, RENDERED * 3)),
    ):
        for number in numbers:
            words = [sys.executable, __file__, "--peak-of", what]
            words += ["--clips", str(number)]
            for name in ("events", "backgrounds"):
                if value := getattr(arguments, name):
                    words += [f"--{name}", str(value)]
            told = subprocess.run(
                words, capture_output=True, text=True, check=True
            ).stdout
            row = (f"peak memory: {what} {number}", float(told.split()[-1]))
            rows.append((*row, "MB"))
    return rows


def print_peak(arguments, folder):
    """
    Plan or write once and print the process's peak memory in MB.

    :param arguments: of the command line.
    :param folder: where everything goes.
    """
    _, events, backgrounds = load(arguments, folder)
    cuts = plan(events, backgrounds, arguments.clips, 1, folder)
    if arguments.peak_of == "write":
        write_audio(cuts, folder / "audio", shard_size=50)
    # The system call's number would include the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024)


def measure_render(cuts, folder):
    """
    Time of rendering.

    :param cuts: the mixtures, a list.
    :param folder: where files go.
    :return: rows (what, clips per processor second, unit).
    """
    cache, rows = SourceCache(), []
    for what, run in (
        ("cut.load_audio()", lambda: [cut.load_audio() for cut in cuts]),
        ("render, sources new", lambda: [render(cut, cache) for cut in cuts]),
        ("render, sources read", lambda: [render(cut, cache) for cut in cuts]),
        ("write FLAC", lambda: write_audio(cuts, folder / "a", "flac")),
        ("write Shar", lambda: write_audio(cuts, folder / "b", "shar")),
    ):
        with Clock() as clock:
            run()
        rows.append((what, len(cuts) / clock.cpu, "clips/s"))
    return rows


def environment(folder):
    """
    The Python that has Scaper.

    :param folder: of the virtual environment.
    :return: its interpreter.
    :raises RuntimeError: it cannot be made; says what is missing.
    """
    python = folder / "bin" / "python"
    probe = [str(python), "-c", "import scaper"]
    if python.exists() and not subprocess.run(probe).returncode:
        return python
    for words in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", SCAPER, "numpy<2"],
        probe,
    ):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            end = done.stderr.strip().splitlines()[-1:]
            raise RuntimeError(
                f"no Scaper: {' '.join(words)} failed ({''.join(end)}); it "
                "needs PyPI, a C++ compiler and apt install sox libsox-dev"
            )
    return python


def scaper_job(cuts, folder):
    """
    The mixtures as Scaper's worker reads them.

    :param cuts: the mixtures.
    :param folder: gets folders of labels with links to the recordings.
    :return: plain data.
    """

    def link(kind, label, cut):
        source = Path(cut.recording.sources[0].source).resolve()
        name = f"{abs(hash(cut.recording.id))}{source.suffix}"
        path = folder / kind / label / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(source)
        return str(path)

    mixtures = []
    for cut in cuts:
        ground = cut.tracks[0].cut
        file = link("background", "background", ground)
        events = []
        for track in cut.tracks:
            if track.tag != "event":
                continue
            (sup,) = events_of(track.cut)
            label = sup.label.replace("/", "_")
            source = link("foreground", label, track.cut)
            # Scaper cuts times to samples; some others give it a sample less.
            span = (track.cut.start, track.offset, track.cut.duration)
            span = [math.floor(64 * seconds) / 64 for seconds in span]
            events.append((label, source, *span, sup.snr))
        start = ground.start if len(cut.tracks) == len(events) + 1 else 0.0
        start = math.floor(64 * start) / 64
        mixtures.append(
            {"background": ("background", file, start), "events": events}
        )
    return {
        "duration": DURATION,
        "rate": RATE,
        "foreground": str(folder / "foreground"),
        "background": str(folder / "background"),
        "mixtures": mixtures,
    }


def measure_scaper(cuts, python, folder):
    """
    Time of Scaper for the same mixtures.

    :param cuts: the mixtures.
    :param python: interpreter that has Scaper.
    :param folder: where everything goes.
    :return: rows (what, clips per processor second, unit).
    """
    folder.mkdir()
    job = folder / "mixtures.json"
    job.write_text(json.dumps(scaper_job(cuts, folder)))
    worker = Path(__file__).with_name("scaper_worker.py")
    done = subprocess.run(
        [str(python), str(worker), str(job), str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"Scaper failed: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    expected = sum(len(cut.supervisions) for cut in cuts)
    if told["memory"]["events"] != expected:
        raise RuntimeError(f"Scaper mixed other events: {told}")
    return [
        (
            f"Scaper {told['version']}, {name}",
            len(cuts) / told[name]["cpu"],
            "clips/s",
        )
        for name in ("memory", "files")
    ]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=20000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--events", type=Path, help="table or folder of events")
    parser.add_argument("--backgrounds", type=Path, help="folder of recordings")
    parser.add_argument("--scaper", type=Path, help="environment for Scaper")
    parser.add_argument(
        "--peak-of", choices=["plan", "write"], help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if arguments.peak_of:
            return print_peak(arguments, folder)
        name, events, backgrounds = load(arguments, folder)
        cuts, rows = measure_plan(events, backgrounds, arguments, folder)
        cuts = [cut for cut, _ in zip(cuts, range(RENDERED), strict=False)]
        rows += measure_render(cuts, folder)
        if arguments.scaper:
            try:
                python = environment(arguments.scaper.absolute())
                rows += measure_scaper(cuts, python, folder / "scaper")
            except RuntimeError as error:
                print(error, file=sys.stderr)
        rows += measure_memory(arguments)
    count = sum(len(cut.supervisions) for cut in cuts)
    print(
        f"bank: {name}; {len(cuts)} clips with {count} events rendered; "
        f"{os.cpu_count()} processors; rates per processor second"
    )
    for what, number, unit in rows:
        print(f"{what:<32}{number:10.1f} {unit}")


if __name__ == "__main__":
    main()
