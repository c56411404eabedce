"""Reads tests/recipes/*.csv, runs the rows and checks what they leave.

The columns and the language of the checks are those of SpeechBrain's recipe
tests, so that its users can read and extend the tables.
"""

import csv
import math
import operator
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    "Task",
    "Dataset",
    "Script_file",
    "Hparam_file",
    "Data_prep_file",
    "Readme_file",
    "Result_url",
    "HF_repo",
    "test_debug_flags",
    "test_debug_checks",
    "performance",
)
FILE_COLUMNS = ("Script_file", "Hparam_file", "Data_prep_file", "Readme_file")
NEEDED = ("Task", "Script_file", "Hparam_file", "Readme_file")
COMPARE = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
CHECK = re.compile(r"(\w+)\s*=\s*\[([^\]]*)\]")
PERFORMANCE = re.compile(
    r"(?P<file>[^,]+),\s*(?P<metric>[^,]+?)\s*,"
    r"\s*(?P<sign><=|>=|==|<|>)\s*(?P<bound>[-+.\deE]+)\s*,"
    r"\s*epoch:\s*(?P<epoch>-?\d+)"
)


@dataclass(frozen=True)
class Row:
    """One row of a table; `where` is for messages."""

    where: str
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


@dataclass(frozen=True)
class FileExists:
    """A file that the run must leave in its output folder."""

    file: str

    def problem(self, folder: Path) -> str | None:
        """What is wrong, or None."""
        if (folder / self.file).is_file():
            return None
        there = sorted(path.name for path in folder.iterdir())
        return f"{self.file} was not written; there are {there}"


@dataclass(frozen=True)
class Performance:
    """A number that the train log must hold."""

    file: str
    metric: str
    sign: str
    bound: float
    epoch: int

    def problem(self, folder: Path) -> str | None:
        """What is wrong, or None."""
        log = folder / self.file
        if not log.is_file():
            return f"{self.file} was not written"
        lines = log.read_text().strip().splitlines()
        if self.epoch == -1:
            lines = lines[-1:]
        else:
            epoch = re.compile(rf"\bepoch: {self.epoch}\b", re.IGNORECASE)
            lines = [line for line in lines if epoch.search(line)]
        number = rf"(?<!\w){re.escape(self.metric)}: ([^\s,]+)"
        found = re.findall(number, "\n".join(lines), re.IGNORECASE)
        if not found:
            return f"no {self.metric!r} of epoch {self.epoch} in {self.file}"
        value = float(found[-1])
        if not COMPARE[self.sign](value, self.bound) or math.isnan(value):
            return f"{self.metric} is {value}, not {self.sign} {self.bound}"
        return None


def read_rows(path: Path) -> list[Row]:
    """The rows of one table; ValueError names the line that is wrong."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path.name} must have the columns {COLUMNS}")
        rows = []
        for values in reader:
            where = f"{path.name}:{reader.line_num}"
            if None in values or None in values.values():
                raise ValueError(f"{where} has not {len(COLUMNS)} fields")
            rows.append(Row(where, values))
    for row in rows:
        missing = [column for column in NEEDED if not row[column]]
        if missing:
            raise ValueError(f"{row.where} leaves {missing} empty")
        if not row["test_debug_flags"] or not row["test_debug_checks"]:
            raise ValueError(f"{row.where} says not how it is to be tested")
        parse_checks(row["test_debug_checks"], row.where)
    return rows


def all_rows() -> list[Row]:
    """The rows of all tables beside this file."""
    paths = sorted(Path(__file__).parent.glob("*.csv"))
    return [row for path in paths for row in read_rows(path)]


def parse_checks(text: str, where: str) -> list[FileExists | Performance]:
    """Checks such as `file_exists=[a,b]`.

    The other is `performance_check=[train_log.txt, train loss, <3, epoch: 1]`,
    where epoch -1 means the last line.
    """
    checks: list[FileExists | Performance] = []
    if CHECK.sub("", text).strip(" ,;"):
        raise ValueError(f"{where}: cannot read the checks {text!r}")
    for kind, content in CHECK.findall(text):
        if kind == "file_exists":
            names = [name.strip() for name in content.split(",")]
            if not all(names):
                raise ValueError(f"{where}: file_exists with an empty name")
            checks += [FileExists(name) for name in names]
        elif kind == "performance_check":
            match = PERFORMANCE.fullmatch(content.strip())
            if not match:
                raise ValueError(f"{where}: cannot read [{content}]")
            bound, epoch = float(match["bound"]), int(match["epoch"])
            checks.append(
                Performance(
                    match["file"].strip(),
                    match["metric"],
                    match["sign"],
                    bound,
                    epoch,
                )
            )
        else:
            raise ValueError(f"{where}: there is no check {kind!r}")
    return checks


def flag_names(row: Row) -> set[str]:
    """Names of the options in the flags of a row, without dashes."""
    return {
        word[2:].split("=")[0]
        for word in shlex.split(row["test_debug_flags"])
        if word.startswith("--")
    }


def command(
    row: Row, places: Mapping[str, str | Path], output_folder: Path
) -> list[str]:
    """The command of a row, with placeholders such as `{data}` resolved."""
    try:
        flags = row["test_debug_flags"].format(
            **{name: shlex.quote(str(place)) for name, place in places.items()}
        )
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"{row.where}: placeholder {error} is none of {sorted(places)}; "
            "write braces that are meant as such twice"
        ) from error
    return [
        sys.executable,
        str(ROOT / row["Script_file"]),
        str(ROOT / row["Hparam_file"]),
        "--output_folder",
        str(output_folder),
        *shlex.split(flags),
        "--debug",
    ]


def run(
    row: Row,
    places: Mapping[str, str | Path],
    output_folder: Path,
    timeout: float = 800,
) -> list[str]:
    """Runs a row in its own process; returns what is wrong, in words."""
    python_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(python_path),
        "HF_HUB_OFFLINE": "1",
    }
    try:
        result = subprocess.run(
            command(row, places, output_folder),
            env=environment,
            cwd=output_folder.parent,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return [f"{row.where} took longer than {timeout:.0f} s"]
    if result.returncode:
        tail = result.stdout[-4000:]
        return [f"{row.where} ended with {result.returncode}:\n{tail}"]
    checks = parse_checks(row["test_debug_checks"], row.where)
    problems = [check.problem(output_folder) for check in checks]
    return [f"{row.where}: {problem}" for problem in problems if problem]
