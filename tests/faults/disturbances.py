"""What happens to commands: one function for each kind of fault."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from tests.faults.bench import NOTES, Row, run, wait
from tests.faults.tasks import DETECT, TASKS

__all__ = ["FAULTS", "killed"]

#: Killed, a command leaves with this.
KILLED = -signal.SIGKILL


def killed(bench, trials, rng):
    """SIGKILL, most often while something is written.

    Every other time between two changes of the folder, so that each state
    on the way comes to stand, else at any moment from the first change on;
    one time in eight at any moment at all.
    """
    row = Row(f"kill -9 {bench.name}", inside=0)
    steps, written = bench.steps, max(bench.seconds - bench.begun, 0.002)
    for number in range(min(trials, bench.task.limit)):
        bench.worked()
        if number % 2 == 0:
            last = rng.randint(min(2, bench.num_steps), bench.num_steps)
            code = bench.start(
                bench.task.args, before=lambda at=last: steps.kill_at(at)
            )
        else:
            anywhere = number % 8 == 1
            moment = rng.uniform(0, bench.seconds if anywhere else written)
            code = bench.start(
                bench.task.args,
                moment,
                before=steps.count,
                since=None if anywhere else steps,
            )
        row.trials += 1
        row.inside += code == KILLED and steps.number > 0
        bench.look(row)
        bench.readable(row)
        bench.again(row)
    row.check(
        "wrong",
        row.inside >= 0.5 * row.trials,
        f"only {row.inside} kills met the command while it wrote",
    )
    return row


def in_words(bench, code):
    """Whether a command ended by itself, and said why in words."""
    text = bench.words()
    return (
        code in (0, 1, 2)
        and "Traceback" not in text
        and (code == 0 or "Error" in text)
    )


def _talk_through_a_pipe():
    """What is said shall not be limited as what is written is."""
    here, there = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(there)
        while block := os.read(here, 1 << 16):
            os.write(1, block)
        os._exit(0)
    os.dup2(there, 1)
    os.dup2(there, 2)
    os.close(here)
    os.close(there)


def limited(bench, trials, rng):
    """Files may not grow beyond a random size, as on a full disk."""
    row = Row(f"no room {bench.name}")
    most = bench.largest
    for _ in range(min(trials, bench.task.limit)):
        bench.fresh()
        room = rng.randrange(most)
        told, telling = os.pipe()

        def before(room=room):
            _talk_through_a_pipe()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        code = bench.start(bench.task.args, before=before)
        os.close(telling)
        os.read(told, 1)  # until nobody holds it, and all is told
        os.close(told)
        row.trials += 1
        if not in_words(bench, code):
            row.check("wrong", False, f"{code}: {bench.words()[-150:]!r}")
        bench.look(row)
        bench.again(row)
    return row


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own, where that is allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def full_disk(bench, trials, rng):
    """A tmpfs with hardly any room; afterwards there is some."""
    row = Row(f"full tmpfs {bench.name}")
    for _ in range(trials):
        bench.fresh()
        shutil.rmtree(bench.out)
        bench.out.mkdir()
        with mounted(bench.out, "size=64k") as allowed:
            if not allowed:
                row.remarks.append("mounting is not allowed here: left out")
                return row
            (bench.out / "notes.txt").write_text(NOTES)
            filler = bench.out / ".filler"
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(rng.randrange(40_000, 64_000)))
            code = bench.start(bench.task.args)
            row.trials += 1
            if not in_words(bench, code):
                row.check("wrong", False, f"{code}: {bench.words()[-150:]!r}")
            bench.look(row)
            filler.unlink(missing_ok=True)
            subprocess.run(
                ["mount", "-o", "remount,size=64m", str(bench.out)], check=True
            )
            bench.again(row)
    return row


def read_only(bench, trials, rng):
    """A folder on a file system that may only be read."""
    row = Row(f"read-only {bench.name}")
    bench.fresh()
    with mounted(bench.out, "size=64m") as allowed:
        if not allowed:
            row.remarks.append("mounting is not allowed here: left out")
            return row
        (bench.out / "notes.txt").write_text(NOTES)
        subprocess.run(
            ["mount", "-o", "remount,ro", str(bench.out)], check=True
        )
        code = bench.start(bench.task.args)
        row.trials += 1
        right = code in (1, 2) and in_words(bench, code)
        row.check("wrong", right, f"{code}: {bench.words()[-150:]!r}")
        bench.look(row)
    return row


def together(bench, trials, rng):
    """Two processes write the same output."""
    row = Row(f"two at once {bench.name}")
    for _ in range(trials):
        bench.fresh()
        pids = []
        for number in range(2):
            pids.append(
                run(
                    bench.task.args,
                    bench.folder,
                    bench.out,
                    setup=bench.task.setup,
                    log=bench.log.with_suffix(f".{number}"),
                )
            )
            time.sleep(rng.uniform(0, 0.5 * bench.seconds))
        codes = [wait(pid) for pid in pids]
        row.trials += 1
        row.check("wrong", 0 in codes, f"both failed: {codes}")
        row.check(
            "wrong", set(codes) <= {0, 1, 2}, f"ended by a fault: {codes}"
        )
        bench.look(row)
        bench.again(row)
    return row


def _children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):
        return [int(one) for one in path.read_text().split()]
    return []


def _workers(pid):
    """Those of a pool: the server of forks, whose children they are, is none.

    Neither is the process that keeps count of what they share.
    """
    return [one for child in _children(pid) for one in _children(child)]


def _first_workers(pid, seconds):
    """Waits until there are some."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := _workers(pid):
            return found
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1] == "Z":
            break
        time.sleep(0.01)
    return []


def worker_killed(bench, trials, rng):
    """One of the workers of a command is killed."""
    row = Row(f"worker killed {bench.name}")
    for _ in range(min(trials, bench.task.limit)):
        bench.fresh()
        pid = run(bench.task.args, bench.folder, bench.out, log=bench.log)
        workers = _first_workers(pid, 10 * bench.seconds)
        time.sleep(rng.uniform(0, 0.3) * bench.seconds)
        workers = workers and (_workers(pid) or workers)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
            row.trials += 1
        code = wait(pid)
        if workers and not in_words(bench, code):
            row.check("wrong", False, f"{code}: {bench.words()[-150:]!r}")
        bench.look(row)
        bench.again(row)
    return row


def little_memory(bench, trials, rng):
    """The address space may grow by a random amount only."""
    row = Row(f"little memory {bench.name}")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    for _ in range(trials):
        bench.fresh()
        most = now + rng.randrange(1 << 20, 600 << 20)
        code = bench.start(
            bench.task.args,
            before=lambda most=most: resource.setrlimit(
                resource.RLIMIT_AS, (most, most)
            ),
        )
        row.trials += 1
        # What cannot even say so ends by the system's hand.
        if code not in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
            right = in_words(bench, code)
            row.check("wrong", right, f"{code}: {bench.words()[-150:]!r}")
        bench.look(row)
        bench.again(row)
    return row


def cut_while_read(bench, trials, rng):
    """A recording becomes shorter while it is heard."""
    row = Row("file cut while read")
    path = bench.folder / "long.wav"
    noise = 0.2 * np.random.default_rng(0).standard_normal(16000 * 120)
    args = f"detect {{in}}/long.wav {DETECT} -o {{out}}/found.tsv"
    soundfile.write(path, noise, 16000)
    bench.fresh()
    began = time.monotonic()
    bench.start(args)
    seconds = time.monotonic() - began
    whole = (bench.out / "found.tsv").read_bytes()
    for _ in range(trials):
        soundfile.write(path, noise, 16000)
        bench.fresh()
        pid = run(args, bench.folder, bench.out, log=bench.log)
        time.sleep(rng.uniform(0, seconds))
        os.truncate(path, rng.randrange(100, path.stat().st_size))
        code = wait(pid)
        row.trials += 1
        found = bench.out / "found.tsv"
        if code == 0:
            row.check(
                "wrong",
                found.read_bytes() == whole,
                "took a part for the whole, without a word",
            )
        else:
            said = in_words(bench, code) and "long.wav" in bench.words()
            row.check("wrong", said, f"{code}: {bench.words()[-150:]!r}")
    path.unlink()
    return row


def clock_back(bench, trials, rng):
    """Checkpoints are in order of their steps, whatever the clock says."""
    from speechbrain_opensed.training import WholeCheckpointer

    row = Row("clock goes back")
    real = time.time
    for number in range(trials):
        folder = bench.folder / f"clock-{number}"
        model = torch.nn.Linear(1, 1)
        keeper = WholeCheckpointer(folder, {"model": model})
        try:
            for value in range(4):
                back = rng.uniform(-7200, 7200)
                time.time = lambda back=back: real() + back
                torch.nn.init.constant_(model.weight, value)
                keeper.save_and_keep_only()
        finally:
            time.time = real
        other = torch.nn.Linear(1, 1)
        WholeCheckpointer(folder, {"model": other}).recover_if_possible()
        row.trials += 1
        row.check("wrong", other.weight.item() == 3, f"{other.weight.item()}")
    return row


def not_a_number(bench, trials, rng):
    """A loss that is none ends a recipe before it is learned from."""
    row = Row("loss is NaN")
    args = TASKS["recipe"].args
    bench.fresh()
    code = bench.start(f"{args} --lr=1e30")
    row.trials += 1
    text = bench.words()
    said = code != 0 and "not finite" in text.lower()
    row.check("wrong", said, f"{code}: {text[-200:]!r}")
    bad = 0
    for path in bench.out.rglob("CKPT*/model.ckpt"):
        state = torch.load(path, weights_only=True)
        bad += not all(v.isfinite().all() for v in state.values())
    row.check("wrong", bad == 0, f"{bad} checkpoints hold NaN")
    return row


FAULTS = [
    ("limited", limited,
     ("detect", "annotate", "export", "soundscapes", "learn", "calibrate",
      "caption", "generate", "search", "onnx", "recipe")),
    ("full", full_disk, ("detect", "annotate", "prepare", "calibrate")),
    ("readonly", read_only,
     ("detect", "annotate", "export", "soundscapes", "learn", "phrase-bank")),
    ("together", together,
     ("detect", "annotate", "soundscapes", "learn", "export")),
    ("worker", worker_killed, ("soundscapes-workers",)),
    ("memory", little_memory, ("detect", "annotate")),
    ("cut", cut_while_read, ("detect",)),
    ("clock", clock_back, ("detect",)),
    ("nan", not_a_number, ("detect",)),
]  # fmt: skip
