"""Kill, starve and disturb every command that writes; see what is left.

Run by `make faults`, or `python -m tests.faults --trials 30 --only detect`.
Each trial forks this process, which has everything imported, and the child
runs the command as `opensed` does. What has to hold afterwards:

- lost: what belonged to the user is there, unchanged;
- half-written: what stands under its final name is whole, or ends with a line
  where the file grows by lines;
- wrong: the same command run again gives what an undisturbed run gives, or,
  where the fault stays, an error in words and exit code 1 or 2.
"""

import argparse
import contextlib
import hashlib
import os
import random
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch

from lhotse_recipes.schema import event, make_cuts
from speechbrain_opensed.commands import cli

ROOT = Path(__file__).resolve().parents[1]

NOTES = "the user's own"
#: Killed, a command leaves with this.
KILLED = -signal.SIGKILL


@dataclass
class Task:
    """A command and where it writes.

    `args` may name the scratch folder as {in} and the output as {out};
    `again` is added when it is run once more. Files that `grow` may end with
    any of their lines; of those that `vary` from run to run only the names
    are compared.
    """

    args: str
    again: str = ""
    grow: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    watch: tuple[str, ...] = ("*",)
    setup: Callable[[], None] | None = None
    limit: int = 10**6
    old: str = ""


DETECT = "-q dog -q rain --threshold 0.02 --median 0 --model {in}/model"
TASKS = {
    "detect": Task(
        f"detect {{in}}/sounds {DETECT} -o {{out}}/found.tsv",
        "--resume", ("found.tsv",),
    ),
    "detect-jsonl": Task(
        f"detect {{in}}/sounds {DETECT} --format jsonl -o {{out}}/found.jsonl",
        "--resume", ("found.jsonl",),
    ),
    "detect-textgrid": Task(
        f"detect {{in}}/sounds {DETECT} --format textgrid -o {{out}}/grids",
        "--resume",
    ),
    "annotate": Task(
        f"annotate {{in}}/cuts.jsonl {{out}}/found.jsonl {DETECT}",
        "--resume", ("found.jsonl",),
    ),
    "export": Task(
        "export {in}/cuts.jsonl {out}/all.tsv --format dcase "
        "--durations {out}/durations.tsv",
        old="export {in}/few.jsonl {out}/all.tsv --format dcase",
    ),
    "export-jams": Task("export {in}/cuts.jsonl {out}/jams --format jams"),
    "prepare": Task(
        "prepare sed-tables {in}/sounds {out}/manifests --annotations "
        "{in}/table.tsv --name mine",
    ),
    "soundscapes": Task(
        "soundscapes {in}/bank {out}/mixtures -n 12 --duration 2 --audio flac",
    ),
    "soundscapes-workers": Task(
        "soundscapes {in}/bank {out}/mixtures -n 12 --duration 2 --audio flac "
        "-j 2",
        limit=2,
    ),
    "phrase-bank": Task(
        "phrase-bank build esc50 {out}/bank.jsonl --phrases {in}/phrases.txt "
        "--encoder hash",
    ),
    "index": Task(
        "search {in}/sounds -q dog --model {in}/aligner --index {out}/index",
        vary=("index/*",),
    ),
    "generate": Task(
        "generate rain --model tiny --duration 0.32 --steps 2 -o {out}/a.wav",
        setup=lambda: use_tiny_generator(),
    ),
    "learn": Task(
        "learn --model {in}/model --add bell {in}/sounds/0.wav -o {out}/taught",
        old="learn --model {in}/model --add horn {in}/sounds/1.wav "
        "-o {out}/taught",
    ),
    "calibrate": Task(
        "calibrate {in}/cuts.jsonl --model {in}/model -o {out}/fitted",
        old="calibrate {in}/few.jsonl --model {in}/model -o {out}/fitted",
    ),
    "recipe": Task(
        "RECIPE FlexSED demo --output_folder={out}/run --hidden_dim=8 "
        "--num_train=8 --num_valid=2 --num_test=3 --batch_size=2 "
        "--num_workers=0 --number_of_epochs=2",
        watch=("run/results.json", "run/per_class.tsv"),
        limit=5,
    ),
}  # fmt: skip


def use_tiny_generator():
    """Has `generate` load a random model; what it writes is real."""
    from speechbrain_opensed.inference import generator
    from tests.tiny_generator import tiny_generator

    def load(*_, **__):
        return tiny_generator()

    generator.StyleTransferGenerator.from_hparams = load
    generator.StyleTransferGenerator.from_source = load


def write_inputs(folder):
    """Sounds, manifests, a bank, a table and models for all commands."""
    from lhotse import Recording

    from tests.tiny_detector import export_tiny

    rng = np.random.default_rng(0)
    rows = ["filename\tonset\toffset\tevent_label"]
    recordings, supervisions = [], []
    for number in range(6):
        path = folder / f"sounds/{number}.wav"
        path.parent.mkdir(exist_ok=True)
        wave = 0.2 * rng.standard_normal(32000)
        soundfile.write(path, wave, 16000)
        for label in ("dog", "rain"):
            one = folder / f"bank/{label}/{number}.wav"
            one.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(one, wave[:8000], 16000)
        recordings.append(Recording.from_file(path))
        label = ("dog", "rain")[number % 2]
        supervisions.append(event(f"{number}", 0, 0.5, 1.5, label, label))
        rows.append(f"{number}.wav\t0.5\t1.5\t{label}")
    cuts = make_cuts(recordings, supervisions, "v", True)
    cuts.to_file(folder / "cuts.jsonl")
    cuts.subset(first=2).to_file(folder / "few.jsonl")
    (folder / "table.tsv").write_text("\n".join(rows) + "\n")
    (folder / "phrases.txt").write_text("dog barking\nheavy rain\n")
    (folder / "tiny").mkdir()
    shutil.move(export_tiny(folder / "tiny"), folder / "model")


def run(words, folder, out, *, setup=None, before=None, log=None):
    """Forks; the child runs the command. Returns its process id."""
    args = [
        word.replace("{in}", str(folder)).replace("{out}", str(out))
        for word in words.split()
    ]
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        where = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT)
        os.ftruncate(where, 0)
        os.dup2(where, 1)
        os.dup2(where, 2)
        if setup:
            setup()
        if before:
            before()
        code = _command(args)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _command(args):
    try:
        if args[0] == "RECIPE":
            script = ROOT / "recipes" / args[1] / "train.py"
            sys.path.insert(0, str(script.parent))
            yaml = script.parent / "hparams" / f"{args[2]}.yaml"
            sys.argv = [str(script), str(yaml), *args[3:]]
            runpy.run_path(str(script), run_name="__main__")
        else:
            sys.argv = ["opensed", *args]
            cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


def wait(pid, seconds=None):
    """The exit code of a child; killed after so many seconds."""
    if seconds is not None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                _end_group(pid)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    _end_group(pid)
    return os.waitstatus_to_exitcode(status)


def _end_group(pid):
    # Workers of a killed command, which it leads a session of.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def snapshot(out, watch=("*",)):
    """Path to digest of what stands under a final name."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.is_file() and not hidden and name != "notes.txt":
            if any(Path(name).match(p) or p == "*" for p in watch):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@dataclass
class Row:
    """What came of the trials of one command or fault."""

    name: str
    trials: int = 0
    lost: int = 0
    half: int = 0
    wrong: int = 0
    remarks: list = field(default_factory=list)

    def check(self, kind, right, remark):
        if not right:
            setattr(self, kind, getattr(self, kind) + 1)
            self.remarks.append(f"{kind}: {remark}")

    def show(self):
        print(
            f"{self.name:<28}{self.trials:>7}{self.lost:>6}{self.half:>14}"
            f"{self.wrong:>7}",
            flush=True,
        )
        for remark in dict.fromkeys(self.remarks[:5]):
            print(f"    {remark}", flush=True)


class Bench:
    """Runs a task undisturbed, and in trials that are disturbed."""

    def __init__(self, name, folder, log):
        self.task, self.name, self.folder = TASKS[name], name, folder
        self.log = log
        self.out = folder / f"out-{name}"
        first, self.seconds = self._whole()
        second, _ = self._whole()
        self.vary = {n for n in first if first[n] != second.get(n)} | {
            n
            for n in first
            for pattern in self.task.vary
            if Path(n).match(pattern)
        }
        self.reference = first
        self.largest = max((self.out / n).stat().st_size for n in first)
        self.texts = {
            n: (self.out / n).read_bytes() for n in first if n in self.task.grow
        }
        self.old = {}
        if self.task.old:
            self.fresh()
            self.start(self.task.old)
            self.old = snapshot(self.out, self.task.watch)

    def _whole(self):
        self.fresh()
        began = time.monotonic()
        code = self.start(self.task.args)
        if code != 0:
            raise RuntimeError(
                f"{self.name} fails undisturbed: {self.words()[-300:]}"
            )
        return snapshot(self.out, self.task.watch), time.monotonic() - began

    def fresh(self):
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        (self.out / "notes.txt").write_text(NOTES)

    def words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def start(self, args, seconds=None, **more):
        pid = run(
            args,
            self.folder,
            self.out,
            setup=self.task.setup,
            log=self.log,
            **more,
        )
        return wait(pid, seconds)

    def look(self, row):
        """What has to hold whatever happened."""
        notes = self.out / "notes.txt"
        row.check(
            "lost", notes.is_file() and notes.read_text() == NOTES, "the notes"
        )
        for name, digest in snapshot(self.out, self.task.watch).items():
            whole = (
                digest in (self.reference.get(name), self.old.get(name))
                or name in self.vary
                or self._ends_with_a_line(name)
            )
            row.check("half", whole, name)

    def _ends_with_a_line(self, name):
        if name not in self.texts:
            return False
        text = (self.out / name).read_bytes()
        return not text or (
            text.endswith(b"\n") and self.texts[name].startswith(text)
        )

    def again(self, row, args=None):
        """The same command once more gives what was wanted."""
        more = self.task.again if args is None else ""
        code = self.start(f"{args or self.task.args} {more}")
        found = snapshot(self.out, self.task.watch)
        same = found.keys() == self.reference.keys() and all(
            found[name] == digest
            for name, digest in self.reference.items()
            if name not in self.vary
        )
        last = (self.words().strip().splitlines() or ["other files"])[-1]
        row.check("wrong", code == 0 and same, f"again: {code}, {last[:200]}")


def killed(bench, trials, rng):
    """SIGKILL at random moments."""
    row = Row(f"kill -9 {bench.name}")
    for _ in range(min(trials, bench.task.limit)):
        bench.fresh()
        if bench.task.old:
            bench.start(bench.task.old)
        bench.start(bench.task.args, rng.uniform(0, 1.1 * bench.seconds))
        row.trials += 1
        bench.look(row)
        bench.again(row)
    return row


def in_words(bench, code):
    """Whether a command ended by itself, and said why in words."""
    text = bench.words()
    return (
        code in (0, 1, 2)
        and "Traceback" not in text
        and (code == 0 or "Error" in text)
    )


def limited(bench, trials, rng):
    """Files may not grow beyond a random size, as on a full disk."""
    row = Row(f"no room {bench.name}")
    most = bench.largest
    for _ in range(trials):
        bench.fresh()
        room = rng.randrange(most)

        def before(room=room):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        # What it says goes to a pipe, which has no size.
        code = bench.start(bench.task.args, before=before)
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


def worker_killed(bench, trials, rng):
    """One of the workers of a command is killed."""
    row = Row(f"worker killed {bench.name}")
    for _ in range(min(trials, bench.task.limit)):
        bench.fresh()
        pid = run(bench.task.args, bench.folder, bench.out, log=bench.log)
        end = time.monotonic() + rng.uniform(0.2, 0.9) * bench.seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        children = Path(f"/proc/{pid}/task/{pid}/children")
        workers = children.read_text().split() if children.exists() else []
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(rng.choice(workers)), signal.SIGKILL)
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
     ("detect", "annotate", "export", "soundscapes", "learn")),
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


def main():
    """Prints a row for each command and each fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="*", default=[],
        help="names of commands, and of faults: kill, "
        + ", ".join(name for name, _, _ in FAULTS),
    )  # fmt: skip
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(options.seed)
    only = set(options.only)
    kinds = only & {"kill", *(name for name, _, _ in FAULTS)}
    names = only - kinds
    print(f"{'':<28}{'trials':>7}{'lost':>6}{'half-written':>14}{'wrong':>7}")
    rows, benches = [], {}
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        folder = Path(scratch)
        write_inputs(folder)
        # Nothing is imported in a trial that every process has at its start.
        warm(folder)

        def bench(name):
            if name not in benches:
                benches[name] = Bench(name, folder, folder / "log.txt")
            return benches[name]

        plan = [
            (killed, name) for name in TASKS if not kinds or "kill" in kinds
        ]
        plan += [
            (fault, name)
            for kind, fault, tasks in FAULTS
            if not kinds or kind in kinds
            for name in tasks
        ]
        for fault, name in plan:
            if names and name not in names:
                continue
            try:
                rows.append(fault(bench(name), options.trials, rng))
            except RuntimeError as error:
                rows.append(Row(f"{name}", wrong=1, remarks=[str(error)]))
            rows[-1].show()
    total = Row("in all")
    for row in rows:
        for kind in ("trials", "lost", "half", "wrong"):
            setattr(total, kind, getattr(total, kind) + getattr(row, kind))
    total.show()
    return int(bool(total.lost or total.half or total.wrong))


def warm(folder):
    """Imports what commands import when they are run."""
    import importlib

    for module, _, _ in (c.partition(":") for c in cli._COMMANDS.values()):
        importlib.import_module(module)
    for module in (
        "speechbrain_opensed.inference.detector",
        "speechbrain_opensed.inference.calibration",
        "speechbrain_opensed.inference.teaching",
        "speechbrain_opensed.evaluation.annotate",
        "lhotse_recipes.soundscapes",
        "lhotse_recipes.corpora.sed_tables",
        "speechbrain_opensed.dataio.phrases.build",
        "speechbrain_opensed.training",
        "speechbrain_opensed.commands.results",
    ):
        importlib.import_module(module)


if __name__ == "__main__":
    sys.exit(main())
