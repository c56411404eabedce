"""A command is run in a fork, and what it leaves is looked at."""

import contextlib
import hashlib
import importlib
import json
import os
import runpy
import shlex
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_opensed.commands import cli
from tests.faults.steps import Steps
from tests.faults.tasks import TASKS

__all__ = ["Bench", "Row", "run", "snapshot", "wait"]

ROOT = Path(__file__).resolve().parents[2]
NOTES = "the user's own"


def run(words, folder, out, *, setup=None, before=None, log=None, names=None):
    """Forks; the child runs the command. Returns its process id."""
    args = [
        word.replace("{in}", str(folder)).replace("{out}", str(out))
        for word in shlex.split(words)
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
            if names:
                names.write_text(json.dumps(list(sys.modules)))
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


def wait(pid, seconds=None, since=None):
    """The exit code of a child; killed after so many seconds."""
    if seconds is not None:
        end = time.monotonic() + seconds
        while (since and not since.number) or time.monotonic() < end:
            if since and not since.number:
                end = time.monotonic() + seconds
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
    inside: int | None = None
    lost: int = 0
    half: int = 0
    wrong: int = 0
    remarks: list = field(default_factory=list)

    def check(self, kind, right, remark):
        if not right:
            setattr(self, kind, getattr(self, kind) + 1)
            self.remarks.append(f"{kind}: {remark}")

    def show(self):
        inside = "" if self.inside is None else self.inside
        print(
            f"{self.name:<28}{self.trials:>7}{inside:>8}{self.lost:>6}"
            f"{self.half:>14}{self.wrong:>7}",
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
        self.steps = Steps(self.out)
        # What a command imports by itself is there in every trial's process:
        # a kill shall meet its work.
        names = folder / "modules.json"
        first, _ = self._whole(names=names)
        # One that is ended by a signal may have had no time to tell.
        known = json.loads(names.read_text()) if names.is_file() else []
        for module in known:
            if not module.startswith("__"):
                with contextlib.suppress(Exception):
                    importlib.import_module(module)
        second, self.seconds = self._whole(before=self.steps.count)
        self.num_steps, self.begun = self.steps.number, self.steps.since
        self.read = self.reading()
        self.vary = {n for n in first if first[n] != second.get(n)} | {
            n
            for n in first
            for pattern in self.task.vary
            if Path(n).match(pattern)
        }
        self.reference = first
        self.largest = max(
            path.stat().st_size
            for path in self.out.rglob("*")
            if path.is_file()
        )
        self.texts = {
            n: (self.out / n).read_bytes() for n in first if n in self.task.grow
        }
        self.old = {}
        if self.task.old:
            self.fresh()
            if self.start(self.task.old) != 0:
                raise RuntimeError(f"{name}, before: {self.words()[-300:]}")
            self.old = snapshot(self.out, self.task.watch)
            shutil.copytree(self.out, folder / f"old-{name}")

    def _whole(self, **more):
        self.fresh()
        began = time.monotonic()
        code = self.start(self.task.args, **more)
        if code != self.task.ends:
            raise RuntimeError(
                f"{self.name} fails undisturbed ({code}): {self.words()[-300:]}"
            )
        return snapshot(self.out, self.task.watch), time.monotonic() - began

    def worked(self):
        """As it is after another command, where a task has one."""
        self.fresh()
        if self.task.old:
            shutil.rmtree(self.out)
            shutil.copytree(self.folder / f"old-{self.name}", self.out)

    def fresh(self):
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        (self.out / "notes.txt").write_text(NOTES)

    def words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def start(self, args, seconds=None, since=None, **more):
        """Runs a command to its end, or kills it after so many seconds.

        They count from the first change that `since` tells of.
        """
        self.steps.reset()
        pid = run(
            args,
            self.folder,
            self.out,
            setup=self.task.setup,
            log=self.log,
            **more,
        )
        client = self._beside(pid, args)
        try:
            return wait(pid, seconds, since)
        finally:
            if client:
                wait(client, 5)

    def _beside(self, pid, args):
        if self.task.client is None or args.split()[0] != "serve":
            return 0
        client = os.fork()
        if client:
            return client
        try:
            os.setsid()
            self.task.client(self.log, pid)
        finally:
            os._exit(0)

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

    def readable(self, row):
        """What reads such a thing can read it, if there is one."""
        if self.task.reads is None:
            return
        main, words = self.task.reads
        if (self.out / main).exists():
            code = self.start(words)
            right = code == 0 or "holds no recording yet" in self.words()
            row.check("half", right, f"unreadable: {self.words()[-200:]}")

    def reading(self):
        """What a reader makes of the whole, once the command is done."""
        if self.task.reads is None:
            return None
        code = self.start(self.task.reads[1])
        if code:
            raise RuntimeError(f"{self.name}, read: {self.words()[-300:]}")
        return (self.folder / "read.tsv").read_text()

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
        row.check(
            "wrong",
            code == self.task.ends and same,
            f"again: {code}, {last[:200]}",
        )
        if code == self.task.ends and same and self.read is not None:
            row.check("wrong", self.reading() == self.read, "read otherwise")
