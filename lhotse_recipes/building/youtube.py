"""Names of ten-second segments of YouTube videos, as AudioSet has them."""

import re
from collections import Counter
from collections.abc import Sequence

from lhotse_recipes.clips import Clip
from lhotse_recipes.corpora.audioset_strong import audio_names, bare_names

__all__ = ["name_segments", "segment_of"]

_NAME = re.compile(r"Y?([\w-]{11})_(\d+\.\d+)(?:[_-]\d+\.\d+)?")


def segment_of(name: str) -> str | None:
    """
    The AudioSet segment that a file's name tells.

    :param name: without suffix, video and seconds.
    :return: video and start in milliseconds, as in AudioSet-Strong; None if
        the name tells no segment.

    >>> segment_of("YQvATUKXYFBs_60.000_70.000")
    'QvATUKXYFBs_60000'
    >>> segment_of("QvATUKXYFBs_60.0-70.0")
    'QvATUKXYFBs_60000'
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return f"{match[1]}_{round(1000 * float(match[2]))}"


def name_segments(clips: Sequence[Clip]) -> None:
    """
    Add the names that audio of segments goes by to the clips' aliases.

    The bare id of a video counts only where one segment of it is wanted.

    :param clips: clips whose ids are segments; changed in place.
    """
    videos = Counter(clip.id.rpartition("_")[0] for clip in clips)
    for clip in clips:
        video = clip.id.rpartition("_")[0]
        bare = bare_names(video) if videos[video] > 1 else ()
        names = (one for one in audio_names(clip.id) if one not in bare)
        clip.aliases = (*clip.aliases, *names)
