# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Events for a Lhotse corpus, and a SpeechBrain recipe on them
#
# A detector writes events into cuts; a SpeechBrain Brain is trained on them,
# resumable to the batch.

# %%
from lhotse import CutSet, Recording

cuts = CutSet.from_cuts(
    Recording.from_file(path).to_cut()
    for path in ("street.wav", "talk.wav", "recordings/a.wav")
)
cuts.to_file("plain.jsonl.gz")

# %% [markdown]
# `opensed annotate`, or the same in Python. Tags, captions and speech that
# were there would stay.

# %%
import subprocess
import sys

subprocess.run(
    [
        *(sys.executable, "-m", "speechbrain_opensed", "annotate"),
        *("plain.jsonl.gz", "events.jsonl.gz", "--model", "detector"),
        *("-q", "high pulsing bell", "-q", "low steady buzz"),
        *("--threshold", "0.3", "--device", "cpu"),
    ],
    check=True,
)
annotated = CutSet.from_file("events.jsonl.gz").to_eager()
for cut in annotated:
    print(cut.id, [(e.text, round(e.start, 2)) for e in cut.supervisions])

# %% [markdown]
# A Brain as in any SpeechBrain recipe. Here it learns how many events a clip
# has from the loudness of the clip, which is nonsense, but short.

# %%
import torch
from lhotse.dataset import SimpleCutSampler

from speechbrain_opensed.dataio.loader import CutLoader
from speechbrain_opensed.training import OpenSEDBrain


class Counting(torch.utils.data.Dataset):
    def __getitem__(self, key):
        loud = [[abs(cut.load_audio()).mean()] for cut in key.cuts]
        count = [[float(len(cut.supervisions))] for cut in key.cuts]
        return torch.tensor(loud, dtype=torch.float32), torch.tensor(count)


class Counter(OpenSEDBrain):
    def compute_forward(self, batch, stage):
        return self.modules.linear(batch[0])

    def compute_objectives(self, predictions, batch, stage):
        return torch.nn.functional.mse_loss(predictions, batch[1])


loader = CutLoader(Counting(), SimpleCutSampler(annotated, max_cuts=2, seed=0))
brain = Counter(
    {"linear": torch.nn.Linear(1, 1)},
    torch.optim.Adam,
    run_opts={"device": "cpu"},
)
brain.fit(range(2), loader, progressbar=False)
assert brain.optimizer_step == 4

# %% [markdown]
# With a checkpointer, `brain.fit` goes on in the middle of an epoch, each cut
# heard once: the loader's position is part of the checkpoint.
