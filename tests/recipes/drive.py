"""Runs commands and recipes one after the other, and notes what they did.

`python -m tests.recipes.drive steps.json results.json`: importing torch once
for all of them is what makes a dozen runs of a recipe cheap.
"""

import hashlib
import json
import os
import runpy
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def drive(steps, folder, timeout=900):
    """What steps did, a dict each; an AssertionError shows why one failed.

    A step is {"name": str, "argv": words}: the first word is `opensed` or a
    script of a recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told, found = folder / "steps.json", folder / "results.json"
    told.write_text(json.dumps(steps))
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.recipes.drive", told, found],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
    results = json.loads(found.read_text()) if found.exists() else {}
    for name, one in results.items():
        assert not one.get("error"), f"{name}: {one['error']}"
    assert done.returncode == 0, done.stdout[-4000:]
    assert list(results) == [step["name"] for step in steps]
    return results


def main(told, found):
    """Runs the steps in this process."""
    results = {}
    for step in json.loads(Path(told).read_text()):
        start, one = time.perf_counter(), {}
        try:
            one = run_step(step["argv"])
        except BaseException:
            one["error"] = traceback.format_exc()[-3000:]
        one["seconds"] = round(time.perf_counter() - start, 1)
        results[step["name"]] = one
        Path(found).write_text(json.dumps(results, indent=1))
        if "error" in one:
            return 1
    return 0


def run_step(argv):
    """Runs one; a training is watched."""
    if argv[0] == "opensed":
        from click.testing import CliRunner

        from speechbrain_opensed.commands.cli import opensed

        done = CliRunner().invoke(opensed, argv[1:])
        if done.exit_code:
            raise RuntimeError(done.output)
        return {"output": done.output[-4000:]}
    argv = last_wins(argv)
    script = Path(argv[0])
    sys.path.insert(0, str(script.parent))
    sys.argv = list(argv)
    with watched() as seen:
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
        finally:
            sys.path.remove(str(script.parent))
            unhook()
    return seen


def last_wins(argv):
    """Overrides of which each occurs once, with its last value."""
    kept, options = [], {}
    words = iter(argv)
    for word in words:
        if not word.startswith("--"):
            kept.append(word)
            continue
        name, equals, value = word.partition("=")
        options[name] = value if equals else next(words)
    return [*kept, *(f"{name}={value}" for name, value in options.items())]


def unhook():
    """Takes away what SpeechBrain leaves behind for each experiment."""
    import logging

    sys.excepthook = sys.__excepthook__
    for handler in list(logging.getLogger().handlers):
        logging.getLogger().removeHandler(handler)


class watched:
    """Notes tensors, losses and what moved of the Brain that is trained."""

    def __enter__(self):
        from speechbrain_opensed.training import OpenSEDBrain

        self.seen = {"losses": [], "shapes": {}, "moved": [], "fixed": []}
        self.kept = OpenSEDBrain.fit, OpenSEDBrain.fit_batch
        OpenSEDBrain.fit = self.fit(OpenSEDBrain.fit)
        OpenSEDBrain.fit_batch = self.fit_batch(OpenSEDBrain.fit_batch)
        return self.seen

    def __exit__(self, *about):
        from speechbrain_opensed.training import OpenSEDBrain

        OpenSEDBrain.fit, OpenSEDBrain.fit_batch = self.kept

    def fit(self, original):
        seen = self.seen

        def fit(brain, *args, **kwargs):
            named = dict(brain.modules.named_parameters())
            before = {k: p.detach().clone() for k, p in named.items()}
            original(brain, *args, **kwargs)
            digest = hashlib.sha256()
            for name, p in named.items():
                seen["shapes"][name] = list(p.shape)
                if p.requires_grad:
                    still = bool((p.detach() == before[name]).all())
                    seen["fixed" if still else "moved"].append(name)
                    digest.update(p.detach().cpu().float().numpy().tobytes())
            seen["trained"] = digest.hexdigest()
            seen["steps"] = brain.optimizer_step
            rate = brain.learning_rate
            seen["learning_rate"] = rate

        return fit

    def fit_batch(self, original):
        losses = self.seen["losses"]

        def fit_batch(brain, batch):
            loss = original(brain, batch)
            losses.append(float(loss))
            return loss

        return fit_batch


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
