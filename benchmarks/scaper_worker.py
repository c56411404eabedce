"""Mixes a list of soundscapes by Scaper; run by benchmarks/soundscapes.py.

Usage: python benchmarks/scaper_worker.py MIXTURES.json OUTPUT
in an environment of its own that has Scaper. Prints one line of JSON: seconds
and processor seconds, in memory and written to files.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import scaper


def cpu_seconds():
    """Processor time of this process and of the programs it started."""
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(one.ru_utime + one.ru_stime for one in used)


def mix(job, mixture, path):
    """
    Make one soundscape.

    :param job: what all of them have in common.
    :param mixture: its background and events.
    :param path: where to write it, or None.
    :return: number of events.
    """
    scene = scaper.Scaper(
        job["duration"], job["foreground"], job["background"], random_state=0
    )
    scene.sr = job["rate"]
    scene.ref_db = -50
    label, file, start = mixture["background"]
    scene.add_background(("const", label), ("const", file), ("const", start))
    for label, file, start, onset, duration, snr in mixture["events"]:
        scene.add_event(
            label=("const", label),
            source_file=("const", file),
            source_time=("const", start),
            event_time=("const", onset),
            event_duration=("const", duration),
            snr=("const", snr),
            pitch_shift=None,
            time_stretch=None,
        )
    audio, *_ = scene.generate(
        audio_path=path, disable_instantiation_warnings=True
    )
    if len(audio) != round(job["duration"] * job["rate"]):
        raise ValueError(f"{len(audio)} samples instead of a whole clip")
    return len(mixture["events"])


def main():
    """Mix everything twice and print what it took."""
    warnings.simplefilter("ignore")
    job = json.loads(Path(sys.argv[1]).read_text())
    mix(job, job["mixtures"][0], None)
    result = {"version": scaper.__version__}
    for name in ("memory", "files"):
        begin, cpu = time.perf_counter(), cpu_seconds()
        events = 0
        for number, mixture in enumerate(job["mixtures"]):
            path = f"{sys.argv[2]}/{number:06d}.wav"
            events += mix(job, mixture, path if name == "files" else None)
        result[name] = {
            "seconds": time.perf_counter() - begin,
            "cpu": cpu_seconds() - cpu,
            "events": events,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
