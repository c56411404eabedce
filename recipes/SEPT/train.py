#!/usr/bin/env python3
"""Prompts for a frozen audio-language model: learn, test, write it down.

To run this recipe:
> python train.py hparams/sept.yaml --data_folder /path/to/ESC-50

Method (--host), weight of SEPT (--sept_weight), protocol (--protocol) and all
else are overrides of the YAML files; see README.md. sweep.py runs many.

Authors
 * The speechbrain-opensed contributors 2026
"""

import time
from pathlib import Path

import speechbrain as sb
import torch
from safetensors.torch import save
from speechbrain.utils.distributed import if_main_process, run_on_main
from speechbrain.utils.logger import get_logger
from torch.utils.data import TensorDataset

from lhotse_recipes.fingerprint import audio_key, digest
from lhotse_recipes.io import write_atomically, write_json
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.feature_cache import read_features
from speechbrain_opensed.dataio.sets.prompt_tasks import make_task
from speechbrain_opensed.evaluation.prompting import (
    choose_neighbors,
    inference_ms,
    load_learner,
    with_embeddings,
    zero_shot,
)
from speechbrain_opensed.metrics.base_new import check_zero_shot, harmonic_mean
from speechbrain_opensed.metrics.classification import ClassificationStats
from speechbrain_opensed.metrics.summary import FEW_CLASSES
from speechbrain_opensed.plotting.embeddings import plot_prompts
from speechbrain_opensed.training import OpenSEDBrain
from speechbrain_opensed.training.runs import claim_data, start_run

logger = get_logger(__name__)

# A number of vectors, or a text to begin with; a fold's number, or its name.
EITHER = ("context", "fold", "target_fold")


class PromptBrain(OpenSEDBrain):
    """Trains what stands before the names of classes."""

    def compute_forward(self, batch, stage):
        """In training the parts of the loss, in tests logits."""
        clips, targets, _ = (part.to(self.device) for part in batch)
        if stage == sb.Stage.TRAIN:
            return self.modules.learner(clips, targets, self.terms)
        return self.modules.learner(clips)

    def compute_objectives(self, predictions, batch, stage):
        """The sum of the parts, or cross-entropy."""
        _, targets, rows = batch
        if stage == sb.Stage.TRAIN:
            for name, part in predictions.items():
                self.parts.setdefault(name, []).append(part.detach())
            return sum(predictions.values())
        self.stats.append(
            [self.exam.cuts[row].id for row in rows.tolist()],
            predictions,
            [[self.exam.labels[target]] for target in targets.tolist()],
        )
        return torch.nn.functional.cross_entropy(
            predictions, targets.to(self.device)
        )

    def on_stage_start(self, stage, epoch=None):
        """Starts collecting."""
        self.parts = {}
        if stage == sb.Stage.TEST:
            self.stats = ClassificationStats(self.exam.labels)

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs; saves the last epoch, and every so many."""
        log = self.hparams.train_logger.log_stats
        if stage == sb.Stage.TEST:
            accuracy = self.stats.summarize("accuracy")
            log({"exam": self.exam_name}, test_stats={"accuracy": accuracy})
            return
        parts = {
            name: torch.stack(values).mean().item()
            for name, values in self.parts.items()
        }
        log(
            {"epoch": epoch, "lr": self.learning_rate},
            {"loss": stage_loss, **parts},
        )
        last = epoch == self.hparams.number_of_epochs
        if last or epoch % self.hparams.save_every == 0:
            self.checkpointer.save_and_keep_only(meta={"epoch": epoch})

    def take(self, name, exam, features):
        """Tests the learner on an exam, and gives the answers."""
        self.exam_name, self.exam = name, exam
        self.learner.set_classes(exam.phrases)
        self.evaluate(
            rows_of(exam, features),
            progressbar=False,
            test_loader_kwargs={"batch_size": self.hparams.test_batch_size},
        )
        return self.stats


def rows_of(exam, features):
    """Embeddings, classes and numbers of clips."""
    return TensorDataset(
        features.of(cut.id for cut in exam.cuts),
        torch.tensor(exam.targets),
        torch.arange(len(exam.cuts)),
    )


def embeddings_of(task, hparams, device):
    """Embeddings of all clips, computed by the tower or found."""
    if hparams["audio_table"] is not None:
        ids = [cut.id for cut in task.cuts]
        return read_features(hparams["audio_table"], ids)
    tower = hparams["tower"].to(device)
    cache = hparams["feature_cache"](
        tower=f"{tower.fingerprint()} raw", sample_rate=tower.sample_rate
    )

    def embed(wavs, wav_lens):
        # DePT's scales want them as the tower gives them; all else brings
        # them to norm 1 itself.
        return tower.encode_audio(wavs.to(device), wav_lens, normalize=False)

    def compute():
        return cache(task.cuts, embed, hparams["num_workers"])

    # The first process computes, the others find.
    run_on_main(compute)
    features = compute()
    logger.info(features.report.summary())
    return features


def make_terms(hparams, source, task):
    """What is added to the loss of the host, and a record of it."""
    terms = dict(hparams["host_losses"].get(hparams["host"], {}))
    if not hparams["sept_weight"] or not task.train.cuts:
        return terms, None
    words, about = choose_neighbors(
        hparams["neighbors"](),
        source,
        task,
        hparams["num_neighbors"],
        hparams["drop_leaks"],
    )
    terms["expansion"] = hparams["expansion"](words)
    return terms, {**about, "templates": terms["expansion"].templates}


def train(task, features, hparams, run_opts, terms):
    """Trains a learner; returns its Brain, and what it cost."""
    learner = hparams["hosts"][hparams["host"]](
        hparams["tower"], task.train.phrases
    )
    # What cannot be tested shall not be trained.
    for exam in task.exams.values():
        learner.check_names(exam.phrases)
    if hparams["pretrained"] is not None:
        load_learner(learner, hparams["pretrained"])
    hparams["checkpointer"].add_recoverable("learner", learner)
    brain = PromptBrain.from_hparams(
        hparams,
        run_opts,
        modules={"learner": learner},
        lr_factors=hparams["host_lr_factors"].get(hparams["host"]),
    )
    brain.learner, brain.terms = learner, terms
    start = time.perf_counter()
    brain.fit(
        hparams["epoch_counter"],
        rows_of(task.train, features),
        progressbar=False,
        train_loader_kwargs={
            "batch_size": hparams["batch_size"],
            "shuffle": True,
        },
    )
    seconds = time.perf_counter() - start
    clips = features.embeddings[:32].to(brain.device)
    return brain, {
        "trained_parameters": learner.num_trainable(),
        "train_seconds": round(seconds, 2),
        "inference_ms": inference_ms(learner, clips),
    }


def scores(stats):
    """Accuracies by exam, with H where there are base and new."""
    found = {name: one.summarize("accuracy") for name, one in stats.items()}
    if {"base", "new"} <= found.keys():
        found["H"] = harmonic_mean(found["base"], found["new"])
    return found


def run(hparams, run_opts):
    """One run; returns its results."""
    folder = Path(hparams["output_folder"])
    tower = hparams["tower"]
    device = run_opts["device"] or sb.utils.distributed.infer_device()
    source = hparams["class_set"]()
    target = hparams["target_set"]() if hparams["target"] else None
    task = make_task(
        hparams["protocol"],
        source,
        hparams["shots"],
        seed=hparams["seed"],
        target=target,
        fewer=hparams["fewer"],
    )
    terms, sept = make_terms(hparams, source, task)
    results = {
        "protocol": hparams["protocol"],
        "dataset": hparams["dataset"],
        "target": hparams["target"],
        "fold": hparams["fold"],
        "shots": hparams["shots"],
        "seed": hparams["seed"],
        "host": hparams["host"],
        "sept_weight": hparams["sept_weight"],
        "intra": hparams["intra"],
        "inter": hparams["inter"],
        "margins": hparams["margins"],
        "num_neighbors": hparams["num_neighbors"],
        "tower": tower.fingerprint(),
    }
    learnt = {"classes": task.train.labels, "shots_drawn": task.shots}
    if if_main_process():
        audio = digest([audio_key(cut) for cut in task.cuts])
        about = {**results, **learnt, "sept": sept, "audio": audio}
        claim_data(hparams, about)
    features = embeddings_of(task, hparams, device)
    task = with_embeddings(task, features)
    exams = {**task.halves, **task.exams}
    plain = {
        name: zero_shot(tower, exam, features, hparams["templates"])
        for name, exam in exams.items()
    }
    check_zero_shot(plain["base"], plain["new"], plain["joint"])
    few = [k for k, e in task.exams.items() if len(e.labels) < FEW_CLASSES]
    note = (
        f"fewer than {FEW_CLASSES} classes in: {', '.join(few)}" if few else ""
    )
    results |= {
        "zero_shot": scores(plain),
        "zero_shot_per_class": {k: v.per_class for k, v in plain.items()},
        "zero_shot_templates": list(hparams["templates"]),
        "features": features.report.to_dict(),
        "sept": sept,
        **learnt,
    }
    if task.train.cuts:
        brain, costs = train(task, features, hparams, run_opts, terms)
        stats = {
            name: brain.take(name, exam, features)
            for name, exam in task.exams.items()
        }
        learner = brain.learner
        results |= {"scores": scores(stats), **costs}
        results["per_class"] = {k: v.per_class for k, v in stats.items()}
        if if_main_process():
            plot_prompts(
                learner,
                list(source.phrases.values()),
                terms["expansion"].neighbors if sept else {},
                hparams["templates"],
                folder / "embeddings.png",
            )
            with write_atomically(folder / "learner.safetensors", "wb") as file:
                file.write(save(learner.state_dict()))
    if if_main_process():
        write_json(folder / "results.json", {"note": note, **results})
        if note:
            logger.warning(note)
    return results


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments, EITHER)
    results = run(hparams, run_opts)
    logger.info(results.get("scores", results["zero_shot"]))
    return results


if __name__ == "__main__":
    run_recipe(main)
