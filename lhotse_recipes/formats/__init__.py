"""Annotation files of other programs: what reads them and what writes them.

Every reader fills a :class:`~lhotse_recipes.clips.ClipTable`; every writer
takes cuts.
"""

from lhotse_recipes.formats.audacity import export_audacity, read_audacity
from lhotse_recipes.formats.bioacoustics import (
    export_crowsetta,
    export_soundevent,
    read_crowsetta,
    read_soundevent,
)
from lhotse_recipes.formats.dcase import export_dcase, read_dcase
from lhotse_recipes.formats.finelap import export_finelap, read_finelap
from lhotse_recipes.formats.frames import (
    events_frame,
    export_csv,
    export_parquet,
    read_frame,
    read_parquet,
)
from lhotse_recipes.formats.jams import export_jams, read_jams
from lhotse_recipes.formats.labelstudio import (
    export_labelstudio,
    read_labelstudio,
)
from lhotse_recipes.formats.raven import export_raven, read_raven
from lhotse_recipes.formats.textgrid import export_textgrid, read_textgrid

__all__ = [
    "events_frame",
    "export_audacity",
    "export_crowsetta",
    "export_csv",
    "export_dcase",
    "export_finelap",
    "export_jams",
    "export_labelstudio",
    "export_parquet",
    "export_raven",
    "export_soundevent",
    "export_textgrid",
    "read_audacity",
    "read_crowsetta",
    "read_dcase",
    "read_finelap",
    "read_frame",
    "read_jams",
    "read_labelstudio",
    "read_parquet",
    "read_raven",
    "read_soundevent",
    "read_textgrid",
]
