"""Names of modules under `speechbrain_opensed` up to version 0.1.

Authors
 * The speechbrain-opensed contributors 2026
"""

__all__ = ["MOVED"]

_TABLE = """
captions language.captions
cli commands.cli
dataio.audioset_cuts dataio.sets.audioset
dataio.bank_mixtures dataio.sets.bank_mixtures
dataio.caption_mixtures dataio.sets.caption_mixtures
dataio.class_sets dataio.sets.classes
dataio.cluster_negatives dataio.phrases.cluster_negatives
dataio.corpus_mixing dataio.sets.corpus_mixing
dataio.cut_loader dataio.loader
dataio.datasets dataio.sets.detection
dataio.few_shot dataio.sets.few_shot
dataio.language_audio dataio.sets.language_audio
dataio.phrase_audit dataio.phrases.audit
dataio.phrase_bank dataio.phrases.bank
dataio.phrase_build dataio.phrases.build
dataio.prompt_tasks dataio.sets.prompt_tasks
dataio.style_caches dataio.style.caches
dataio.style_cuts dataio.style.cuts
dataio.style_data dataio.style.data
distributed core.distributed
hparams training.hparams
http_post language.http_post
inference.audio lhotse_recipes.sound
inference.diffusion lobes.style.diffusion
inference.search inference.index
inflection language.inflection
journal language.journal
llm language.client
lobes.alm lobes.prompts.alm
lobes.alm_clap lobes.prompts.alm_clap
lobes.alm_finelap lobes.prompts.alm_finelap
lobes.alm_table lobes.prompts.alm_table
lobes.clap lobes.encoders.clap
lobes.clap_mel lobes.encoders.clap_mel
lobes.conv_stem lobes.encoders.conv_stem
lobes.dasheng lobes.encoders.dasheng
lobes.eat lobes.encoders.eat
lobes.finelap_text lobes.text.finelap
lobes.frozen_reference lobes.style.frozen_reference
core.kaldi_mel core.frontends
lobes.kaldi_mel core.frontends
lobes.latent_codec lobes.style.codec
lobes.phrase_encoder lobes.text.phrase_encoder
lobes.prompt_learners lobes.prompts
lobes.prompt_learners.base lobes.prompts.base
lobes.prompt_learners.coop lobes.prompts.coop
lobes.prompt_learners.dept lobes.prompts.dept
lobes.prompt_learners.palm lobes.prompts.palm
lobes.prompt_learners.regularizers lobes.prompts.regularizers
lobes.reference_encoder lobes.style.reference_encoder
lobes.roberta_text lobes.text.roberta
lobes.sentence_text lobes.text.sentence
lobes.style_adapter lobes.style.adapter
lobes.style_fusion lobes.style.fusion
lobes.styled_unet lobes.style.unet
lobes.tango_codec lobes.style.tango_codec
lobes.text_encoders lobes.text.encoders
lobes.text_states lobes.text.states
metrics.generation.judges metrics.generation.evaluators
metrics.psds_kernel metrics.psds.kernel
metrics.psds_reference metrics.psds.reference
metrics.psds_result metrics.psds.result
metrics.psds_stats metrics.psds.stats
neighbor_leaks language.leaks
neighbor_writer language.neighbor_writer
neighbors language.neighbors
optim training.optim
plotting_embeddings plotting.embeddings
plotting_sounds plotting.sounds
procedural_neighbors language.procedural_neighbors
relations language.relations
spec core.spec
spectrogram plotting.spectrogram
workflows evaluation
workflows.alignment evaluation.alignment
workflows.annotate evaluation.annotate
workflows.clip_tasks evaluation.clip_tasks
workflows.evaluate evaluation.detection
workflows.evaluate_generation evaluation.generation
workflows.evaluation_sets evaluation.sets
workflows.frame_tasks evaluation.frame_tasks
workflows.prompt_results evaluation.prompt_results
workflows.prompt_tables evaluation.prompt_tables
workflows.prompting evaluation.prompting
workflows.scoring evaluation.scoring
workflows.tasks evaluation.tasks
"""

#: Old name below the package: full new name.
MOVED = {
    old: new if new.startswith("lhotse_recipes") else f"{__package__}.{new}"
    for old, new in map(str.split, _TABLE.strip().splitlines())
}
