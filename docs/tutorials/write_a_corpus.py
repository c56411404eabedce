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
# # Write a corpus recipe
#
# From a table of events to Lhotse manifests, with a test, in ten minutes.

# %%
import subprocess
import sys
from pathlib import Path

subprocess.run(
    [sys.executable, "-m", "speechbrain_opensed", "new", "corpus", "my_corpus"],
    check=True,
)
print(Path("my_corpus/my_corpus.py").read_text())

# %% [markdown]
# It runs as it is. Its test writes a small tree with the corpus's traps:
# missing audio, events beyond the end, unknown labels.

# %%
subprocess.run(
    [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
    cwd="my_corpus",
    check=True,
)

# %% [markdown]
# Let it read the recordings of this folder: other classes, and tables where
# the audio is.

# %%
source = Path("my_corpus/my_corpus.py").read_text()
source = source.replace('("dog_bark", "car_horn")', '("high_pulsing_bell",)')
source = source.replace('("train", "test")', '("events",)')
Path("mine.py").write_text(source)
sys.path.insert(0, ".")
from mine import prepare_my_corpus

cuts = prepare_my_corpus("annotated", "manifests")["events"]["cuts"]
for cut in cuts:
    print(cut.id, [(e.start, e.end, e.text) for e in cut.supervisions])

# %% [markdown]
# What was left out, and why, is in the report. `README.md` in the folder says
# how it comes into the project.

# %%
print(Path("manifests/my-corpus_report_events.json").read_text())
