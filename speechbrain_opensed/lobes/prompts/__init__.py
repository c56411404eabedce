"""Prompt tuning of frozen audio-language models.

`CoOp`, `CoCoOp`, `DePT` and `PALM` learn; `KnowledgeGuidance` (the loss of
KgCoOp) and `SemanticExpansion` (that of SEPT) are added to the loss of any of
those that can encode other names. KgCoOp is `CoOp` with the former.

Authors
 * The speechbrain-opensed contributors 2026
"""

from speechbrain_opensed.lobes.prompts.base import (
    PromptLearner,
    canonical_name,
    class_key,
)
from speechbrain_opensed.lobes.prompts.coop import CoCoOp, CoOp
from speechbrain_opensed.lobes.prompts.dept import DePT
from speechbrain_opensed.lobes.prompts.palm import PALM
from speechbrain_opensed.lobes.prompts.regularizers import (
    KnowledgeGuidance,
    SemanticExpansion,
)

__all__ = [
    "PALM",
    "CoCoOp",
    "CoOp",
    "DePT",
    "KnowledgeGuidance",
    "PromptLearner",
    "SemanticExpansion",
    "canonical_name",
    "class_key",
]
