"""Annotation files of other programs: what reads them and what writes them.

Every reader fills a :class:`~lhotse_recipes.clips.ClipTable`; every writer
takes cuts.
"""

from lhotse_recipes.formats.audacity import export_audacity, read_audacity
from lhotse_recipes.formats.dcase import export_dcase, read_dcase
from lhotse_recipes.formats.finelap import export_finelap, read_finelap
from lhotse_recipes.formats.jams import export_jams, read_jams
from lhotse_recipes.formats.textgrid import export_textgrid, read_textgrid

__all__ = [
    "export_audacity",
    "export_dcase",
    "export_finelap",
    "export_jams",
    "export_textgrid",
    "read_audacity",
    "read_dcase",
    "read_finelap",
    "read_jams",
    "read_textgrid",
]
