"""An environment that holds what the package declares, and nothing else.

> .venv/bin/python .ci/lean_environment.py FOLDER

The declared dependencies, theirs and so on are linked from the running
environment, so that it costs seconds and no disk. What the package imports
without declaring it is then missing, as it would be for a user.

Authors
 * The speechbrain-opensed contributors 2026
"""

import os
import sys
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PACKAGE = "speechbrain-opensed"
# Not in the lock on purpose, see the Makefile.
LEFT_OUT = {"pathlib", "sed_scores_eval_np2"}


def closure(requirements):
    """Distributions that these requirements need, one by one."""
    waiting = [Requirement(text) for text in requirements]
    done = set()
    while waiting:
        wanted = waiting.pop()
        name = wanted.name.lower().replace("-", "_")
        for extra in wanted.extras or {""}:
            if name in LEFT_OUT or (name, extra) in done:
                continue
            done.add((name, extra))
            try:
                found = distribution(wanted.name)
            except PackageNotFoundError as error:
                raise SystemExit(f"{wanted} is not in the lock") from error
            yield found
            for text in found.requires or []:
                needed = Requirement(text)
                if needed.marker is None or any(
                    needed.marker.evaluate({"extra": one})
                    for one in {"", extra}
                ):
                    waiting.append(needed)


def main(folder):
    """Makes the environment and links the files into it."""
    venv.create(folder, with_pip=True, clear=True, symlinks=True)
    own = Path(sysconfig.get_paths()["purelib"])
    (site,) = folder.glob("lib/python*/site-packages")
    names = set()
    for found in closure([PACKAGE]):
        if found.metadata["Name"] == PACKAGE:
            continue
        names.add(found.metadata["Name"])
        for file in found.files or []:
            source = Path(found.locate_file(file))
            if own not in source.parents or not source.is_file():
                continue  # a script in bin
            target = site / source.relative_to(own)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.link(source, target)
    print(f"{len(names)} distributions in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
