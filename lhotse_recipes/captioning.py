"""Captions of one corpus on the clips of another.

WavCaps and AudioCaps describe clips whose events AudioSet-Strong or
AudioGrounding have annotated.
"""

import re
from collections import Counter
from collections.abc import Iterable

from lhotse.cut import Cut

from lhotse_recipes.schema import captions_of
from lhotse_recipes.soundscapes.captions import with_caption

__all__ = ["join_captions", "source_of", "video_of"]

_SEGMENT = re.compile(r"(?:audioset-)?Y?([\w-]{11})(?:_[\d.]+){0,2}")
_FREESOUND = re.compile(r"freesound-(\d+)")


def video_of(name: str) -> str:
    """
    The YouTube video of a clip's id; the id itself where it tells none.

    :param name: as in AudioSet-Strong, AudioGrounding or WavCaps.
    :return: the video.

    >>> video_of("b0RFKhbpFJA_30000"), video_of("YQvATUKXYFBs_60.000_70.000")
    ('b0RFKhbpFJA', 'QvATUKXYFBs')
    >>> video_of("audioset-Yb0RFKhbpFJA"), video_of("street")
    ('b0RFKhbpFJA', 'street')
    """
    match = _SEGMENT.fullmatch(name)
    return match[1] if match else name


def source_of(cut: Cut) -> str:
    """
    What a clip was cut from: a video, a recording of Freesound, or itself.

    :param cut: with its group, where its corpus tells one.
    :return: equal for two clips of one source.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> cut = dummy_cut(0)
    >>> cut.id, cut.group = "17-3-0-0", "17"
    >>> source_of(cut)
    'freesound 17'
    >>> cut.id, cut.custom = "freesound-17", {}
    >>> source_of(cut)
    'freesound 17'
    """
    name = cut.id
    group = str((cut.custom or {}).get("group", ""))
    match = _FREESOUND.fullmatch(name)
    if match or group.isdigit():
        return f"freesound {match[1] if match else group}"
    video = video_of(name)
    return f"video {video}" if video != name else name


def join_captions(
    cuts: Iterable[Cut], captions: Iterable[Cut]
) -> tuple[list[Cut], int]:
    """
    Clips with the captions of the same clip or, failing that, video.

    :param cuts: clips, each once.
    :param captions: clips with captions, of any segment of the same videos.
    :return: the clips, in their order, and how many got a caption.
    :raises ValueError: a clip occurs twice.

    >>> from lhotse.testing.dummies import dummy_cut
    >>> clip, said = dummy_cut(0), dummy_cut(1)
    >>> clip.id, said.id = "b0RFKhbpFJA_30000", "audioset-Yb0RFKhbpFJA"
    >>> (clip,), number = join_captions([clip], [with_caption(said, "Rain.")])
    >>> captions_of(clip)[0].text, number
    ('Rain.', 1)
    """
    cuts = list(cuts)
    double = [k for k, n in Counter(cut.id for cut in cuts).items() if n > 1]
    if double:
        raise ValueError(
            f"{len(double)} clips occur twice: {', '.join(double[:5])}; keep "
            "one of each"
        )
    said: dict[str, list[str]] = {}
    clips_of: dict[str, set[str]] = {}
    for cut in captions:
        said.setdefault(cut.id, []).extend(s.text for s in captions_of(cut))
        clips_of.setdefault(video_of(cut.id), set()).add(cut.id)
    videos = Counter(video_of(cut.id) for cut in cuts)
    joined, number = [], 0
    for cut in cuts:
        video = video_of(cut.id)
        texts = said.get(cut.id)
        # Two clips of one video: its captions may be of either.
        if texts is None and videos[video] == len(clips_of.get(video, ())) == 1:
            texts = said[next(iter(clips_of[video]))]
        number += bool(texts)
        for text in texts or ():
            cut = with_caption(cut, text)
        joined.append(cut)
    return joined, number
