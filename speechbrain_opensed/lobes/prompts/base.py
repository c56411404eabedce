"""What all prompt learners share: classes, prompts, logits and losses.

Authors
 * The speechbrain-opensed contributors 2026
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel

__all__ = ["PromptLearner", "canonical_name", "class_key", "key_bytes"]


def canonical_name(name: str) -> str:
    """A class name as prompts say it.

    Capitals, `_` and spare spaces go, `/` is read as "or": the names of
    corpora are not written for language models.

    Arguments
    ---------
    name : str
        As the corpus writes it.

    Returns
    -------
    str
        As it stands in prompts.

    Example
    -------
    >>> canonical_name("cafe/restaurant"), canonical_name("City_center ")
    ('cafe or restaurant', 'city center')
    """
    return " ".join(name.replace("_", " ").replace("/", " or ").lower().split())


def class_key(names: Sequence[str]) -> str:
    """A short name for a list of classes in their order.

    Arguments
    ---------
    names : sequence of str
        The classes.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> class_key(["dog", "Cat"]) == class_key(["Dog", "cat"])
    True
    >>> class_key(["dog", "cat"]) == class_key(["cat", "dog"])
    False
    """
    text = "\n".join(map(canonical_name, names))
    return hashlib.sha256(text.encode()).hexdigest()


class PromptLearner(nn.Module):
    """Base of what is trained in front of a frozen tower.

    A subclass defines :meth:`encode_names`, and what else differs. Only its
    own parameters are in its state: the tower is not, nor is anything that
    depends on the classes, unless a method is about them.

    Arguments
    ---------
    tower : AudioLanguageModel
        It stays the owner of its weights; it is moved and saved by itself.
    names : sequence of str
        The classes; what the logits and labels are about, in this order.

    Raises
    ------
    ValueError
        If there is no class, one is too long for the tower, or two are the
        same in prompts.

    Example
    -------
    >>> from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
    >>> class Template(PromptLearner):
    ...     def encode_names(self, names):
    ...         said = [f"the sound of {canonical_name(n)}" for n in names]
    ...         return self.tower.encode_text(said)
    >>> learner = Template(FineLAPTower.tiny(), ["Dog", "car_horn"])
    >>> learner(torch.rand(3, 32)).shape
    torch.Size([3, 2])
    """

    def __init__(self, tower: AudioLanguageModel, names: Sequence[str]):
        super().__init__()
        # In a tuple it is no part of this module.
        self._tower = (tower,)
        self._known: tuple | None = None
        self.names = _checked_names(names)

    @property
    def tower(self) -> AudioLanguageModel:
        """The frozen tower."""
        return self._tower[0]

    @property
    def class_key(self) -> str:
        """A short name for the present classes in their order."""
        return class_key(self.names)

    def set_classes(self, names: Sequence[str]) -> None:
        """Turns to other classes; what was learned stays.

        Arguments
        ---------
        names : sequence of str
            The classes, in the order of logits and labels.

        Raises
        ------
        ValueError
            If there is none, one is too long for the tower, two are the
            same in prompts, or the method has parameters per class.
        """
        names = _checked_names(names)
        self.check_names(names)
        self.names = names
        self._known = None

    def check_names(self, names: Sequence[str]) -> None:
        """Raises a ValueError for names that cannot be encoded."""

    def encode_names(self, names: Sequence[str]) -> Tensor:
        """Embeds any names as they are now prompted, with gradients.

        New classes, those of other corpora, and neighbours in meaning all
        go this way.

        Arguments
        ---------
        names : sequence of str
            At least one.

        Returns
        -------
        torch.Tensor
            `[names, embed_dim]`, of norm 1.
        """
        raise TypeError(f"{type(self).__name__} has to define encode_names()")

    def class_embeds(self) -> Tensor:
        """Embeds the classes, `[classes, embed_dim]`, of norm 1.

        Without gradients they are kept until a parameter changes.
        """
        if torch.is_grad_enabled():
            return self.encode_names(self.names)
        state = tuple((p.data_ptr(), p._version) for p in self.parameters())
        if self._known is None or self._known[0] != state:
            self._known = (state, self.encode_names(self.names))
        return self._known[1]

    def forward(
        self,
        clips: Tensor,
        labels: Tensor | None = None,
        regularizers: Mapping[str, Callable] | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """Classifies clips, or says how wrong that is.

        Arguments
        ---------
        clips : torch.Tensor
            Audio embeddings of the tower, of any norm, `[batch,
            embed_dim]`.
        labels : torch.Tensor, optional
            Class of each clip, `[batch]`.
        regularizers : mapping of str to callable, optional
            What is added to the loss: each gets this learner and the class
            embeddings `[classes, embed_dim]`, and gives a number.

        Returns
        -------
        torch.Tensor or dict of str to torch.Tensor
            Without labels: logits `[batch, classes]`. With labels: the
            parts of the loss, weighted, by name; their sum is to be made
            small.
        """
        if labels is None:
            return self.logits(clips)
        return self.losses(clips, labels, regularizers or {})

    def logits(self, clips: Tensor) -> Tensor:
        """Scores of the classes, `[batch, classes]`."""
        return self.similarity(clips, self.class_embeds())

    def losses(
        self,
        clips: Tensor,
        labels: Tensor,
        regularizers: Mapping[str, Callable],
    ) -> dict[str, Tensor]:
        """Parts of the loss; see :meth:`forward`."""
        z = self.class_embeds()
        losses = {
            "cross_entropy": F.cross_entropy(self.similarity(clips, z), labels)
        }
        return {**losses, **self.regularize(z, regularizers)}

    def regularize(
        self, z: Tensor, regularizers: Mapping[str, Callable]
    ) -> dict[str, Tensor]:
        """What each regulariser says to class embeddings."""
        return {name: term(self, z) for name, term in regularizers.items()}

    def similarity(self, clips: Tensor, z: Tensor) -> Tensor:
        """Scaled cosines.

        Arguments
        ---------
        clips : torch.Tensor
            `[batch, embed_dim]`, of any norm.
        z : torch.Tensor
            Of norm 1, `[classes, embed_dim]` or, for each clip, `[batch,
            classes, embed_dim]`.

        Returns
        -------
        torch.Tensor
            `[batch, classes]`.
        """
        clips = F.normalize(clips.float(), dim=-1)
        if z.ndim == 2:
            return self.tower.logit_scale * (clips @ z.T)
        return self.tower.logit_scale * (z @ clips.unsqueeze(-1)).squeeze(-1)

    def num_trainable(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def key_bytes(key: str) -> Tensor:
    """A class key as a tensor, for checkpoints.

    Arguments
    ---------
    key : str
        From :func:`class_key`.

    Returns
    -------
    torch.Tensor
        uint8 `[32]`.

    Example
    -------
    >>> key = class_key(["dog"])
    >>> bytes(key_bytes(key).tolist()).hex() == key
    True
    """
    return torch.tensor(list(bytes.fromhex(key)), dtype=torch.uint8)


def _checked_names(names):
    if isinstance(names, str) or not names:
        raise ValueError(f"classes are {names!r}: give a list of some")
    names = tuple(names)
    seen: dict[str, str] = {}
    for name in names:
        said = canonical_name(name)
        if not said:
            raise ValueError(f"class {name!r} is empty: give it a name")
        if said in seen:
            raise ValueError(
                f"classes {seen[said]!r} and {name!r} are both {said!r} in "
                "prompts: rename one"
            )
        seen[said] = name
    return names
