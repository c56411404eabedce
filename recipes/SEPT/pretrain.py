#!/usr/bin/env python3
"""Towers for the demonstration: clips and captions into one space.

To run this recipe:
> python pretrain.py hparams/pretrain.yaml

Small towers hear mixtures of single sounds and read captions of them; what
prompts are later tuned for is in neither. Towers that were
trained on real corpora are better ones: see README.md.

Authors
 * The speechbrain-opensed contributors 2026
"""

from dataclasses import dataclass

import speechbrain as sb
import torch
from lhotse import CutSet
from speechbrain.utils.distributed import if_main_process, run_on_main
from towers import save_towers

from lhotse_recipes.schema import trim_events
from lhotse_recipes.soundscapes.captions import describe
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.batches import (
    BatchKey,
    TensorBatch,
    cut_generator,
    load_waves,
)
from speechbrain_opensed.dataio.loader import evaluation_loader, training_loader
from speechbrain_opensed.training import OpenSEDBrain
from speechbrain_opensed.training.runs import claim_data, start_run


@dataclass
class CaptionedBatch(TensorBatch):
    """Waves `[batch, samples]`, their relative lengths, and captions."""

    wavs: torch.Tensor
    wav_lens: torch.Tensor
    captions: list[str]


class CaptionedClips(torch.utils.data.Dataset):
    """Clips with a caption that is worded anew in each epoch."""

    def __init__(self, spec, reword, seed):
        self.spec = spec
        self.reword = reword
        self.seed = seed

    def __getitem__(self, batch):
        key = BatchKey.of(batch)
        cuts = list(key.cuts)
        wavs, wav_lens, _ = load_waves(cuts, self.spec, "peak")
        captions = []
        for cut in cuts:
            rng = cut_generator(self.seed, key, cut)
            events = [
                (event.start, event.end, self.reword(event.text, rng))
                for event in trim_events(cut)
            ]
            captions.append(describe(events, rng))
        return CaptionedBatch([c.id for c in cuts], wavs, wav_lens, captions)


class PretrainBrain(OpenSEDBrain):
    """Each pair of clip and caption judged by itself."""

    def compute_forward(self, batch, stage):
        """Embeddings of clips and captions, `[batch, dim]` each."""
        batch = batch.to(self.device)
        return self.modules.model(batch.wavs, batch.captions)

    def compute_objectives(self, predictions, batch, stage):
        """The loss of clips and captions that the YAML names."""
        clip, text = predictions
        if stage != sb.Stage.TRAIN:
            best = (clip @ text.T).argmax(dim=1).cpu()
            self.found += (best == torch.arange(len(best))).tolist()
        temperature = 1 / self.hparams.model.scale
        return self.hparams.clip_loss(clip, text, temperature)

    def on_stage_start(self, stage, epoch=None):
        """Starts counting captions that are found."""
        self.found = []

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, and keeps the last epoch."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = stage_loss
            return
        recall = sum(self.found) / len(self.found)
        self.hparams.train_logger.log_stats(
            {"epoch": epoch, "lr": self.learning_rate},
            train_stats={"loss": self.train_loss},
            valid_stats={"loss": stage_loss, "caption found": recall},
        )
        self.checkpointer.save_and_keep_only(meta={"epoch": epoch})


def loaders(hparams):
    """Training and validation clips."""
    dataset = CaptionedClips(
        hparams["spec"], hparams["reword"], hparams["seed"]
    )
    cuts = {
        part: CutSet.from_file(path).to_eager()
        for part, path in (
            ("train", hparams["train_cuts"]),
            ("valid", hparams["valid_cuts"]),
        )
    }
    train = training_loader(
        dataset,
        cuts["train"],
        hparams["batch_size"],
        num_workers=hparams["num_workers"],
        seed=hparams["seed"],
    )
    valid = evaluation_loader(
        dataset, cuts["valid"], max_cuts=hparams["batch_size"]
    )
    return train, valid


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments)
    run_on_main(hparams["prepare"])
    run_on_main(claim_data, [hparams])
    train, valid = loaders(hparams)
    brain = PretrainBrain.from_hparams(hparams, run_opts)
    brain.fit(hparams["epoch_counter"], train, valid)
    if if_main_process():
        save_towers(
            hparams["output_folder"], hparams["model"], hparams["sizes"]
        )


if __name__ == "__main__":
    run_recipe(main)
