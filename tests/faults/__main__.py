"""Prints the table."""

import argparse
import dataclasses
import datetime
import json
import random
import sys
from pathlib import Path

import torch

from lhotse_recipes.holding import scratch_folder
from tests import faults
from tests.faults.bench import Bench, Row
from tests.faults.disturbances import FAULTS, killed
from tests.faults.tasks import TASKS, write_inputs


def main():
    """Prints a row for each command and each fault."""
    parser = argparse.ArgumentParser(description=faults.__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="*", default=[],
        help="names of commands, and of faults: kill, "
        + ", ".join(name for name, _, _ in FAULTS),
    )  # fmt: skip
    parser.add_argument(
        "--save", type=Path,
        help="a file of JSON lines, to which each row is added; "
        "python -m tests.faults.table makes a table of it",
    )  # fmt: skip
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(options.seed)
    only = set(options.only)
    kinds = only & {"kill", *(name for name, _, _ in FAULTS)}
    names = only - kinds
    print(
        f"{'':<28}{'trials':>7}{'inside':>8}{'lost':>6}{'half-written':>14}{'wrong':>7}"
    )
    rows, benches = [], {}
    with scratch_folder("faults") as folder:
        write_inputs(folder)

        def bench(name):
            if name not in benches:
                benches[name] = Bench(name, folder, folder / "log.txt")
                if names:  # who names it has the time
                    task = benches[name].task
                    benches[name].task = dataclasses.replace(
                        task, limit=options.trials
                    )
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
            if options.save:
                _save(rows[-1], options)
    total = Row("in all")
    for row in rows:
        for kind in ("trials", "lost", "half", "wrong"):
            setattr(total, kind, getattr(total, kind) + getattr(row, kind))
    total.show()
    return int(bool(total.lost or total.half or total.wrong))


def _save(row, options):
    """Adds a row to a file, with the day and the seed."""
    day = datetime.date.today().isoformat()
    about = {"date": day, "seed": options.seed, **dataclasses.asdict(row)}
    with options.save.open("a", encoding="utf-8") as file:
        file.write(json.dumps(about) + "\n")


if __name__ == "__main__":
    sys.exit(main())
