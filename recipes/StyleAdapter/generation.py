"""Generates the captions of clips, each in the style of its reference.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Iterator

from lhotse import CutSet
from torchaudio.functional import resample

from speechbrain_opensed.dataio.style.data import StyleDataset
from speechbrain_opensed.inference.waves import write_wave
from speechbrain_opensed.metrics.generation import GenerationStats
from speechbrain_opensed.metrics.generation.evaluators import build_evaluator

__all__ = ["generate_clips", "score_clips"]


def generate_clips(
    generator, dataset, cuts, seed=0, batch_size=25, **sampling
) -> Iterator[tuple]:
    """Batches of the dataset, and what was generated for them.

    Arguments
    ---------
    generator : StyleTransferGenerator
        The model.
    dataset : StyleDataset
        Gives captions and references; the latter may be shuffled or none.
    cuts : sequence of Cut
        The clips.
    seed : int
        Of the first clip; the next ones follow.
    batch_size : int
        Clips that are generated together.
    **sampling
        Of `StyleTransferGenerator.generate`.

    Returns
    -------
    iterator of (StyleBatch, torch.Tensor)
        Batches and waves `[batch, samples]`.
    """
    cuts = list(cuts)
    for start in range(0, len(cuts), batch_size):
        some = CutSet.from_cuts(cuts[start : start + batch_size])
        batch = dataset[some]
        lengths = (batch.reference_lens * batch.references.shape[1]).round()
        sounds = [
            [wave[: int(length)]]
            for wave, length in zip(batch.references, lengths, strict=True)
        ]
        waves, _ = generator.generate(
            batch.captions,
            sounds if batch.keep_style.all() else None,
            duration_s=dataset.spec.window_seconds,
            seed=seed + start,
            batch_size=batch_size,
            **sampling,
        )
        yield batch, waves


def score_clips(hparams, generator, cuts, references, folder) -> dict:
    """Generates clips of the test part and has encoders judge them.

    Arguments
    ---------
    hparams : dict
        The recipe's.
    generator : StyleTransferGenerator
        The model.
    cuts, references : iterable of Cut
        Clips and all references.
    folder : Path
        Gets the waves.

    Returns
    -------
    dict of str to float
        What the `judges` say.
    """
    dataset = StyleDataset(
        references,
        hparams["spec"],
        hparams["ref_seconds"],
        reference=hparams["reference"],
        seed=hparams["seed"],
    )
    judges = {name: build_evaluator(name) for name in hparams["judges"]}
    stats = GenerationStats(judges, seed=hparams["seed"])
    for batch, waves in generate_clips(
        generator,
        dataset,
        list(cuts)[: hparams["num_generated"]],
        hparams["seed"],
        hparams["valid_batch_size"],
        **hparams["sampling"],
    ):
        rate = generator.sample_rate
        for name, wave in zip(batch.ids, waves, strict=True):
            write_wave(folder / f"{name}.wav", wave, rate)
        roles = {"generated": waves, "real": batch.wavs}
        if batch.keep_style.all():
            roles["style"] = batch.references
        for name, judge in judges.items():
            for role, sounds in roles.items():
                stats.append(
                    batch.ids,
                    resample(sounds, rate, judge.sample_rate),
                    role,
                    prompts=batch.captions if role == "generated" else None,
                    encoder=name,
                )
    return stats.summarize()
