"""How long it takes to plan soundscapes and to turn them into samples.

Usage: python benchmarks/soundscapes.py [--clips 20000] [--jobs 2]
       [--events EVENTS.csv --backgrounds FOLDER]
Without recordings of your own the procedural bank is measured. Prints one
table; mixtures have 1 to 4 sounds of 1 to 3 occurrences in 10 s at 16 kHz.
The aim was a tenth of Scaper's time for such mixtures, 18.7 per second and core
(53 ms each): at most 5 ms to render one.
"""

import argparse
import tempfile
import time
from pathlib import Path

from lhotse import RecordingSet

from lhotse_recipes.event_bank import prepare_event_bank
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from lhotse_recipes.soundscapes.render import SourceCache, render

RENDERED = 300


def milliseconds(function, items):
    """
    Time a function over items.

    :param function: what to call.
    :param items: its arguments.
    :return: mean milliseconds of a call.
    """
    begin = time.perf_counter()
    for item in items:
        function(item)
    return 1000 * (time.perf_counter() - begin) / len(items)


def measure(name, bank, backgrounds, clips, jobs, folder):
    """
    Measure one bank.

    :param name: of the bank.
    :param bank: event cuts.
    :param backgrounds: background cuts or recordings.
    :param clips: number of clips to plan and write.
    :param jobs: processes that plan.
    :param folder: where manifests go.
    :return: rows (bank, what, number, unit).
    """
    begin = time.perf_counter()
    simulate_soundscapes(bank, backgrounds, num_clips=1, seed=0)
    reading = time.perf_counter() - begin
    rows = [(name, "levels of all sources", reading, "s")]
    for number in sorted({1, jobs}):
        begin = time.perf_counter()
        lazy = simulate_soundscapes(
            bank,
            backgrounds,
            num_clips=clips,
            seed=0,
            output_dir=folder / str(number),
            part=name,
            num_jobs=number,
        )
        seconds = time.perf_counter() - begin - reading
        what = f"plan and write, {number} job(s)"
        rows.append((name, what, 1000 * seconds / clips, "ms/clip"))
    cuts = [cut for cut, _ in zip(lazy, range(RENDERED), strict=False)]
    cache = SourceCache()
    for what, function in (
        ("cut.load_audio()", lambda cut: cut.load_audio()),
        ("render, first time", lambda cut: render(cut, cache)),
        ("render, sources cached", lambda cut: render(cut, cache)),
    ):
        rows.append((name, what, milliseconds(function, cuts), "ms/clip"))
    return rows


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=20000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--events", type=Path, help="table or folder of events")
    parser.add_argument("--backgrounds", type=Path, help="folder of flac files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        begin = time.perf_counter()
        bank = ProceduralBank().write(folder / "bank")
        seconds = time.perf_counter() - begin
        rows = [("procedural", "write 600 events", seconds, "s")]
        measured = [("procedural", bank["events"], bank["backgrounds"])]
        if arguments.events:
            part = prepare_event_bank(arguments.events)["train"]
            grounds = bank["backgrounds"]
            if arguments.backgrounds:
                grounds = RecordingSet.from_dir(arguments.backgrounds, "*.flac")
            measured.append(("recorded", part, grounds))
        for name, events, grounds in measured:
            rows += measure(
                name,
                events,
                grounds,
                arguments.clips,
                arguments.jobs,
                folder,
            )
    print(f"{'bank':<12}{'what':<28}{'':>8}")
    for name, what, number, unit in rows:
        print(f"{name:<12}{what:<28}{number:8.2f} {unit}")


if __name__ == "__main__":
    main()
