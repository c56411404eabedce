"""The commands that are disturbed, and what they are given."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.faults.clients import correct_and_learn

__all__ = ["DETECT", "TASKS", "Task", "write_inputs"]


@dataclass
class Task:
    """A command and where it writes.

    `args` may name the scratch folder as {in} and the output as {out};
    `again` is added when it is run once more, and `old` is run before. Files
    that `grow` may end with any of their lines; of those that `vary` from run
    to run only the names are compared. Where `reads` is given, its command
    has to be able to read what was left, once the file before it is there.
    A `client` is a function that is called beside the command, with the file
    of what it says, and the command's process id.
    """

    args: str
    again: str = ""
    grow: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    watch: tuple[str, ...] = ("*",)
    setup: Callable[[], None] | None = None
    limit: int = 10**6
    old: str = ""
    reads: tuple[str, str] | None = None
    client: Callable[[Path, int], None] | None = None
    ends: int = 0


DETECT = "-q dog -q rain --threshold 0.02 --median 0 --model {in}/model"
_READS = "detect {in}/sounds/0.wav -q dog -o {in}/read.tsv --model {out}/"
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
    "evaluate": Task(
        "evaluate {in}/cuts.jsonl --model {in}/model --device cpu "
        "--save-scores {out}/scores -o {out}/results.json",
        vary=("results.json",),
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
    "event-bank": Task("prepare event-bank {in}/bank {out}/manifests"),
    "soundscapes": Task(
        "soundscapes {in}/bank {out}/mixtures -n 12 --duration 2 --audio flac",
    ),
    "soundscapes-workers": Task(
        "soundscapes {in}/bank {out}/mixtures -n 12 --duration 2 --audio flac "
        "-j 2",
        limit=5,
    ),
    "phrase-bank": Task(
        "phrase-bank build esc50 {out}/bank.jsonl --phrases {in}/phrases.txt "
        "--encoder hash",
    ),
    "index": Task(
        "index {in}/sounds --model {in}/aligner -o {out}/index",
        watch=("index/index.json",),
        vary=("index/index.json",),
        reads=(
            "index/index.json",
            "search {in}/sounds dog --model {in}/aligner --index {out}/index "
            "-o {in}/read.tsv",
        ),
    ),
    "search": Task(
        "search {in}/sounds dog --model {in}/aligner --update --index "
        "{out}/index --save-clips {out}/clips -o {out}/found.tsv",
        watch=("clips/*", "found.tsv"),
    ),
    "caption": Task(
        f"caption {{in}}/sounds/0.wav --asr none {DETECT} -o {{out}}/a.json",
    ),
    "onnx": Task(
        "export-onnx {in}/model -q dog -q rain -o {out}/onnx",
        limit=5,
    ),
    "generate": Task(
        "generate rain --model tiny --duration 0.32 --steps 2 -o {out}/a.wav",
        setup=lambda: use_tiny_generator(),
    ),
    "learn": Task(
        "learn --model {in}/model --add bell {in}/sounds/0.wav -o {out}/taught",
        old="learn --model {in}/model --add horn {in}/sounds/1.wav "
        "-o {out}/taught",
        reads=("taught/hyperparams.yaml", f"{_READS}taught"),
    ),
    "calibrate": Task(
        "calibrate {in}/cuts.jsonl --model {in}/model -o {out}/fitted",
        old="calibrate {in}/few.jsonl --model {in}/model -o {out}/fitted",
        reads=("fitted/hyperparams.yaml", f"{_READS}fitted"),
    ),
    "serve": Task(
        "serve --model {in}/model --device cpu --port 0 "
        "--save-learned {out}/taught",
        vary=("taught/*", "taught/*/*"),
        reads=("taught/hyperparams.yaml", f"{_READS}taught"),
        client=correct_and_learn,
        ends=143,
        limit=10,
    ),
    "recipe": Task(
        "RECIPE FlexSED event_bank_scratch --output_folder={out}/run "
        "--bank_folder={in}/bank --backgrounds_folder={in}/backgrounds "
        "--label_table=null --text_source=hash --text_aliases=null "
        "--text_dim=16 --embed_dim=16 --num_train=8 --num_valid=2 "
        "--num_test=3 --batch_size=2 --num_workers=0 --number_of_epochs=2 "
        "--min_test_recordings=1 --prepare='{num_jobs: 1}'",
        watch=("run/results.json", "run/per_class.tsv"),
        limit=10,
    ),
}  # fmt: skip


def use_tiny_generator() -> None:
    """Has `generate` load a random model; what it writes is real."""
    from speechbrain_opensed.inference import generator
    from tests.tiny_generator import tiny_generator

    def load(*_, **__):
        return tiny_generator()

    generator.StyleTransferGenerator.from_hparams = load
    generator.StyleTransferGenerator.from_source = load


def write_inputs(folder: Path) -> None:
    """Sounds, manifests, a bank, a table and models for all commands."""
    from lhotse import Recording

    from lhotse_recipes.schema import event, make_cuts
    from tests.tiny_aligner import export_aligner
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
        path = folder / f"backgrounds/{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.01 * np.tile(wave, 6), 16000)
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
    export_aligner(folder)
