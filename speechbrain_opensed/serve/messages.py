"""What clients send, checked, as OpenAPI describes it.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lhotse_recipes.json_files import parse_json

__all__ = ["Correction", "Corrections", "Query", "StrictRoute"]

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Score = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return parse_json(
                await self.body(), "the message", remedy="send it again"
            )
        except ValueError as error:
            raise HTTPException(422, str(error)) from error


class StrictRoute(APIRoute):
    """A route that reads JSON as files are read.

    Of two values of one key Python would take the last.

    Example
    -------
    >>> from fastapi import APIRouter
    >>> APIRouter(route_class=StrictRoute).route_class.__name__
    'StrictRoute'
    """

    def get_route_handler(self) -> Callable[..., Any]:
        """What answers; FastAPI asks for it once."""
        answer = super().get_route_handler()

        async def strict(request: Request) -> Any:
            return await answer(_StrictRequest(request.scope, request.receive))

        return strict


class _Message(BaseModel):
    # An option without effect is an error.
    model_config = ConfigDict(extra="forbid")


class Query(_Message):
    """What to look for in a recording.

    Example
    -------
    >>> Query(phrases=["rain"]).threshold is None
    True
    """

    phrases: list[str] = Field(description="Sounds, in words.")
    threshold: Score | dict[str, Score] | None = Field(
        None,
        description="Of all phrases or of each; null: what calibration found, "
        "else 0.5.",
    )
    median_seconds: Seconds = Field(
        0.36, description="Span of the median filter over the scores."
    )
    min_duration: Seconds = Field(
        0.0, description="Shorter events are left out; seconds."
    )
    merge_gap: Seconds = Field(
        0.0,
        description="Events of one phrase that are at most so far apart "
        "become one; seconds.",
    )
    channel: (
        Literal["mix", "left", "right", "loudest"] | Annotated[int, Field(ge=1)]
    ) = Field("mix", description="How several channels become one.")
    model: str = Field(
        "0", description="0, or the id of a detector that learned."
    )


class Correction(_Message):
    """What a listener says of an event.

    Example
    -------
    >>> Correction(kind="added", phrase="rain", onset=1, offset=0.5)
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error ...
    """

    kind: Literal["accepted", "rejected", "moved", "added"]
    phrase: str
    onset: Seconds
    offset: Seconds
    was: tuple[Seconds, Seconds] | None = Field(
        None, description="Where the event was before it was moved; seconds."
    )
    score: float | None = Field(
        None, description="Given back; the highest score of the span."
    )

    @model_validator(mode="after")
    def _in_order(self):
        if not self.onset < self.offset:
            raise ValueError(
                f"it begins at {self.onset:g} s and ends at {self.offset:g} s"
            )
        if (self.was is not None) != (self.kind == "moved"):
            raise ValueError("`was` belongs to what was moved, and to no other")
        return self


class Corrections(_Message):
    """All that a listener has put right, and where the thresholds stand.

    Example
    -------
    >>> Corrections().corrections
    []
    """

    thresholds: dict[str, Score] = Field(
        default_factory=dict,
        description="Of some phrases; the others keep theirs.",
    )
    min_duration: Seconds | None = None
    merge_gap: Seconds | None = None
    corrections: list[Correction] = Field(
        default_factory=list, description="All of them; they replace earlier."
    )
