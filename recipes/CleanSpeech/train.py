#!/usr/bin/env python3
"""A small speech recogniser, trained on what was chosen by its background.

To run this recipe:
> python train.py hparams/ctc.yaml --data_folder /path/to/manifests

The manifests are those of a corpus of speech after `opensed annotate`.

Authors
 * The speechbrain-opensed contributors 2026
"""

import logging
from pathlib import Path

import speechbrain as sb
import torch
from lhotse import CutSet
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.decoders.ctc import ctc_greedy_decode
from speechbrain.utils.distributed import if_main_process
from speechbrain.utils.metric_stats import ErrorRateStats
from torch.utils.data import Dataset

from lhotse_recipes.background import (
    background_share,
    cut_to_utterances,
    tag_background,
)
from lhotse_recipes.io import write_json
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.loader import (
    evaluation_loader,
    training_loader,
)
from speechbrain_opensed.training import OpenSEDBrain
from speechbrain_opensed.training.runs import start_run

logger = logging.getLogger(__name__)

# Neither is a character of any transcript: CTC's blank, and the first token
# of an utterance with other sounds in it.
BLANK, SOUNDS = "\0", "\1"


class RecogniserBrain(OpenSEDBrain):
    """Characters by CTC."""

    def compute_forward(self, batch, stage):
        """Log probabilities of characters."""
        batch = batch.to(self.device)
        wavs, lengths = batch.sig
        with torch.no_grad():
            feats = self.hparams.features(wavs)
            feats = self.hparams.normalize(feats, lengths)
        heard, _ = self.modules.encoder(feats)
        # There may be more outputs than characters.
        logits = self.modules.output(heard)[..., : len(self.characters)]
        return logits.log_softmax(-1)

    def compute_objectives(self, predictions, batch, stage):
        """CTC; and counts words that are wrong."""
        tokens, token_lengths = batch.tokens
        lengths = batch.sig.lengths
        loss = sb.nnet.losses.ctc_loss(
            predictions, tokens, lengths, token_lengths, blank_index=0
        )
        if stage != sb.Stage.TRAIN:
            found = ctc_greedy_decode(predictions, lengths, blank_id=0)
            for row, (name, text, sounds) in zip(
                found,
                zip(batch.id, batch.text, batch.sounds, strict=True),
                strict=True,
            ):
                said = "".join(self.characters[one] for one in row)
                words = said.replace(SOUNDS, "").split()
                for group in ("all", "with sounds" if sounds else "without"):
                    self.errors.setdefault(group, ErrorRateStats())
                    self.errors[group].append([name], [words], [text.split()])
        return loss

    def on_stage_start(self, stage, epoch=None):
        """Begins to count."""
        self.errors = {}

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, and keeps the best model."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = stage_loss
            return
        rates = {
            f"WER {group}": self.errors[group].summarize("error_rate")
            for group in sorted(self.errors)
        }
        stats = {"loss": stage_loss, **rates}
        logged = self.hparams.train_logger.log_stats
        if stage == sb.Stage.VALID:
            logged(
                {"epoch": epoch, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats=stats,
            )
            self.checkpointer.save_and_keep_only(
                meta={"WER": rates["WER all"]}, min_keys=["WER"]
            )
            return
        logged(
            {"Epoch loaded": self.hparams.epoch_counter.current},
            test_stats=stats,
        )
        if if_main_process():
            folder = Path(self.hparams.output_folder)
            write_json(folder / "results.json", {**stats, **self.chosen})


class Utterances(Dataset):
    """Samples and characters of utterances, padded to batches."""

    def __init__(self, characters, sample_rate, tag):
        self.index = {one: at for at, one in enumerate(characters)}
        self.sample_rate, self.tag = sample_rate, tag

    def __getitem__(self, key):
        return PaddedBatch([self.item(cut) for cut in key.cuts])

    def item(self, cut):
        """What SpeechBrain's batches hold of one utterance."""
        if cut.sampling_rate != self.sample_rate:
            cut = cut.resample(self.sample_rate)
        (said,) = cut.supervisions
        sounds = bool(said.audio_event)
        text = (SOUNDS if self.tag and sounds else "") + said.text
        tokens = [self.index[one] for one in text if one in self.index]
        return {
            "id": cut.id,
            "sig": torch.from_numpy(cut.load_audio().mean(0)),
            "tokens": torch.tensor(tokens, dtype=torch.long),
            "text": said.text,
            "sounds": sounds,
        }


def read_utterances(path, hparams):
    """Utterances, and how much of each has other sounds in it."""
    found, without_text = [], 0
    for cut in CutSet.from_file(path):
        for one in cut_to_utterances(cut):
            one = tag_background(one, hparams["least_seconds"])
            said = one.supervisions[0]
            if not said.text:
                without_text += 1
                continue
            share = background_share(one, said, hparams["background_labels"])
            found.append((one.filter_supervisions(_is(said)), share))
    if not found:
        raise ValueError(f"{path} has no utterance with a transcript")
    if without_text:
        logger.warning(
            f"{path}: {without_text} utterances without a transcript left out"
        )
    return found


def _is(said):
    return lambda one: one.id == said.id


def choose(utterances, hparams):
    """What is trained on, and a report on it."""
    kept = [cut for cut, _ in utterances]
    if hparams["background"] == "leave_out":
        most = hparams["most_background"]
        kept = [cut for cut, share in utterances if share <= most]
    if not kept:
        raise ValueError(
            f"no utterance has at most {hparams['most_background']} of it with "
            "other sounds: give a larger most_background, or background_labels"
        )
    seconds = sum(cut.duration for cut in kept)
    report = {
        "background": hparams["background"],
        "utterances": len(utterances),
        "trained_on": len(kept),
        "hours_trained_on": round(seconds / 3600, 4),
    }
    logger.info(f"{len(kept)} of {len(utterances)} utterances are trained on")
    return kept, report


def dataio_prep(hparams):
    """Loaders, the characters, and what was chosen."""
    ways = ("keep", "leave_out", "tag")
    if hparams["background"] not in ways:
        raise ValueError(
            f"background is {hparams['background']!r}: choose {', '.join(ways)}"
        )
    train, report = choose(
        read_utterances(hparams["train_cuts"], hparams), hparams
    )
    found = {one for cut in train for one in cut.supervisions[0].text}
    characters = [BLANK, SOUNDS, *sorted(found)]
    if len(characters) > hparams["num_tokens"]:
        raise ValueError(
            f"{len(characters)} characters: give num_tokens of as many"
        )
    dataset = Utterances(
        characters, hparams["sample_rate"], hparams["background"] == "tag"
    )
    reading = {key: hparams[key] for key in ("num_workers", "seed")}
    loaders = [
        training_loader(
            dataset,
            CutSet.from_cuts(train),
            hparams["batch_size"],
            **reading,
        )
    ]
    for path in (hparams["valid_cuts"], hparams["test_cuts"]):
        cuts = read_utterances(path, hparams)
        loaders.append(
            evaluation_loader(
                dataset,
                CutSet.from_cuts(cut for cut, _ in cuts),
                max_cuts=hparams["batch_size"],
                num_workers=hparams["num_workers"],
            )
        )
    return loaders, characters, report


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments)
    (train, valid, test), characters, report = dataio_prep(hparams)
    brain = RecogniserBrain.from_hparams(hparams, run_opts)
    brain.characters, brain.chosen = characters, report
    brain.fit(hparams["epoch_counter"], train, valid)
    brain.evaluate(test, min_key="WER")


if __name__ == "__main__":
    run_recipe(main)
