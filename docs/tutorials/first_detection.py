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
# # First detection
#
# A recording, some phrases, a detector: when is what heard? This notebook runs
# in the folder that `python docs/tools/example_folder.py try` makes.

# %%
from speechbrain_opensed import SoundEventDetector

det = SoundEventDetector.from_source("detector")
out = det.detect("street.wav", ["high pulsing bell", "low steady buzz"])
out.events

# %% [markdown]
# Events have an onset and an offset in seconds, and the highest score within.
# Behind them stand the scores themselves, one column for each phrase.

# %%
print(out.scores.shape, "frames of", det.spec.hop_seconds, "s")
out.plot("street.png")

# %% [markdown]
# A score is compared with a threshold. With a lower one there are more events,
# or longer ones:

# %%
for threshold in (0.2, 0.5, 0.8):
    found = det.detect("street.wav", out.phrases, threshold=threshold)
    print(threshold, len(found.events), "events")

# %% [markdown]
# Sound that is still coming gives the same events:

# %%
import soundfile

stream = det.stream(out.phrases, rate=16000)
events = []
for block in soundfile.blocks("street.wav", blocksize=8000, dtype="float32"):
    events += stream.feed(block)
events += stream.finish()
assert sorted(e.onset for e in events) == [e.onset for e in out.events]

# %% [markdown]
# For other programs: `to_tsv`, `to_audacity`, `to_textgrid`, `to_raven`, ...

# %%
out.to_audacity("street.txt")
out.to_dataframe()
