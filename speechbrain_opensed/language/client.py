"""Client for language models behind an OpenAI-compatible chat endpoint.

Only the standard library is used, so that hosted services and local servers
(vLLM, llama.cpp, Ollama) work alike and nothing else must be installed. The
protocol: https://platform.openai.com/docs/api-reference/chat
"""

import json
import logging
import math
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from speechbrain_opensed.language.http_post import (
    PassingFailure,
    PostRefused,
    post,
)

__all__ = ["LlmAnswerError", "LlmClient", "LlmError", "parse_json"]

logger = logging.getLogger(__name__)

REMEDY = {
    0: "Check the base URL.",
    401: "Set OPENSED_LLM_API_KEY to a key that this endpoint accepts.",
    403: "The key is known but may not use this model; choose another one.",
    404: "Check the base URL (it usually ends in /v1) and the model's name.",
}
_OPEN, _CLOSE = "<think>", "</think>"
# An answer is a few hundred labels at most.
_LONGEST = 2_000_000
_MOST_WORK = 5 * _LONGEST
# It counts the lines before it.
_WORK_OF_ERROR = 500


class LlmError(RuntimeError):
    """The endpoint gave no answer, and asking again will not help now."""


class LlmAnswerError(LlmError):
    """The endpoint answers, but not in the form that was asked for."""


class LlmClient:
    """Asks a chat model, patiently.

    Rate limits, server errors, hang-ups and time-outs are tried again after
    a wait that doubles each time, or after what the server asks for
    (`Retry-After`). The key is never logged nor shown in an error.

    Arguments
    ---------
    base_url : str
        Address of the API, such as `http://localhost:8000/v1`.
    model : str
        Name of the model at that endpoint.
    api_key : str, optional
        Key sent as bearer token; local servers mostly need none.
    temperature : float
        Sampling temperature; some hosted models accept only 1.
    timeout : float
        Seconds without a sign of life after which a request is given up.
    max_retries : int
        How many times a request is tried again.
    backoff : float
        First wait in seconds.
    max_wait : float
        Longest wait in seconds; a server that asks for more is an error.
    max_concurrency : int
        Requests under way at once in `map`.
    sleep : callable, optional
        Called with seconds to wait; by default a wait that ends early when
        `map` is stopped.

    Example
    -------
    >>> client = LlmClient("http://localhost:8000/v1", "tiny", api_key="s3c")
    >>> client
    LlmClient('http://localhost:8000/v1', 'tiny')
    >>> list(client.map(len, ["one question"]))
    [12]
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        temperature: float = 0.0,
        timeout: float = 120.0,
        max_retries: int = 6,
        backoff: float = 1.0,
        max_wait: float = 300.0,
        max_concurrency: int = 4,
        sleep: Callable[[float], Any] | None = None,
    ):
        _check_address(base_url)
        if not model:
            raise ValueError("The model's name is empty.")
        api_key = (api_key or "").strip()
        if not (api_key.isascii() and api_key.isprintable()):
            raise ValueError(
                "The API key holds characters that no HTTP header may hold; "
                "copy it again into OPENSED_LLM_API_KEY."
            )
        if max_concurrency < 1:
            raise ValueError(
                f"max_concurrency is {max_concurrency}; at least 1 is needed."
            )
        self.base_url = base_url.rstrip("/")
        self.model = model
        self._api_key = api_key
        self.temperature = temperature
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.max_wait = max_wait
        self.max_concurrency = max_concurrency
        self._stopped = threading.Event()
        self.sleep = sleep or self._stopped.wait

    def __repr__(self) -> str:
        return f"LlmClient({self.base_url!r}, {self.model!r})"

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, **options: Any
    ) -> "LlmClient":
        """Client for the endpoint that the environment names.

        `OPENSED_LLM_BASE_URL`, `OPENSED_LLM_MODEL` and `OPENSED_LLM_API_KEY`
        are read, each with its `OPENAI_` namesake as second choice; the
        `OPENAI_API_KEY` only goes to the `OPENAI_BASE_URL` it belongs to.

        Arguments
        ---------
        environ : mapping, optional
            Read instead of the process's environment.
        **options
            Arguments of the class; `base_url` and `model` take precedence
            over the environment.

        Returns
        -------
        client : LlmClient

        Example
        -------
        >>> LlmClient.from_environment(
        ...     {"OPENSED_LLM_BASE_URL": "http://localhost:8000/v1"},
        ...     model="tiny",
        ... )
        LlmClient('http://localhost:8000/v1', 'tiny')
        """
        environ = os.environ if environ is None else environ
        own_url = options.pop("base_url", None) or environ.get(
            "OPENSED_LLM_BASE_URL"
        )
        base_url = own_url or environ.get("OPENAI_BASE_URL")
        model = (
            options.pop("model", None)
            or environ.get("OPENSED_LLM_MODEL")
            or environ.get("OPENAI_MODEL")
        )
        if not base_url:
            raise ValueError(
                "No language model is set: put its address into "
                "OPENSED_LLM_BASE_URL, for instance http://localhost:8000/v1"
            )
        if not model:
            raise ValueError(
                f"No model is named for {base_url}; set OPENSED_LLM_MODEL."
            )
        api_key = environ.get("OPENSED_LLM_API_KEY")
        if not own_url:
            api_key = api_key or environ.get("OPENAI_API_KEY")
        return cls(base_url, model, api_key, **options)

    def complete(self, messages: list[dict[str, str]]) -> str:
        """The model's answer to a conversation.

        Arguments
        ---------
        messages : list of dict
            Turns with `role` and `content`.

        Returns
        -------
        answer : str
            Text of the first choice.

        Raises
        ------
        LlmError
            When the request is refused or all retries are used up.
        """
        body = {"model": self.model, "messages": messages}
        payload = json.dumps(body | {"temperature": self.temperature}).encode()
        for attempt in range(self.max_retries + 1):
            try:
                return self._ask(payload)
            except PassingFailure as failure:
                problem, wait = self._clean(failure), failure.wait
            if wait > self.max_wait:
                raise LlmError(
                    f"{self.base_url} asks to wait {wait:.0f} s ({problem}); "
                    "try again later."
                )
            if attempt < self.max_retries:
                backoff = min(self.backoff * 2**attempt, self.max_wait)
                wait = max(wait, backoff)
                logger.info("%s: %s; waiting %.1f s", self, problem, wait)
                self.sleep(wait)
            if self._stopped.is_set():
                raise LlmError("Stopped, since another request failed.")
        raise LlmError(
            f"{self.base_url} failed {self.max_retries + 1} times, at last "
            f"with: {problem}. Is the server up, and is the address right?"
        )

    def complete_json(
        self,
        prompt: str,
        check: Callable[[Any], Any] | None = None,
        system: str | None = None,
        attempts: int = 3,
    ) -> Any:
        """An answer in JSON, asked for again until it passes a check.

        Arguments
        ---------
        prompt : str
            The question, which describes the JSON that is wanted.
        check : callable, optional
            Takes the decoded answer and returns what is wanted from it;
            its ValueError is put to the model before it is asked again.
        system : str, optional
            Instruction put before the question.
        attempts : int
            How many times the model is asked.

        Returns
        -------
        value : Any
            What `check` returns, or the decoded answer.

        Raises
        ------
        LlmAnswerError
            When no answer passes.
        """
        messages = [{"role": "user", "content": prompt}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        problem = ValueError("the model was not asked")
        for _ in range(attempts):
            answer = self.complete(messages)
            try:
                value = parse_json(answer)
                return check(value) if check else value
            except ValueError as error:
                problem = error
            complaint = f"That answer cannot be used: {problem}. Answer again."
            messages = messages + [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": complaint},
            ]
        raise LlmAnswerError(
            f"{self.model} gave no usable answer in {attempts} attempts, at "
            f"last: {problem}"
        )

    def map(self, function: Callable, items: Iterable) -> Iterator:
        """Calls a function on items, `max_concurrency` at a time.

        Arguments
        ---------
        function : callable
            Takes one item; it may call `complete` or `complete_json`.
        items : iterable
            The items.

        Returns
        -------
        results : iterator
            Results in the order in which they are ready. After an error what
            is queued is dropped and waits for retries end.
        """
        try:
            with ThreadPoolExecutor(self.max_concurrency) as pool:
                futures = [pool.submit(function, item) for item in items]
                try:
                    for future in as_completed(futures):
                        yield future.result()
                except BaseException:
                    self._stopped.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            self._stopped.clear()

    def _ask(self, payload: bytes) -> str:
        url = f"{self.base_url}/chat/completions"
        headers = {"Content-Type": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        try:
            body = post(url, payload, headers, self.timeout)
        except PostRefused as refusal:
            raise LlmError(
                f"{url} refused: {self._clean(refusal)}. "
                f"{REMEDY.get(refusal.status, '')}".rstrip()
            ) from None
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            # Masked before it is cut: a part of the key would stay.
            start = self._masked(body.decode("utf-8", "replace"))[:200]
            raise PassingFailure(f"no chat completion: {start!r}") from None
        return content if isinstance(content, str) else ""

    def _clean(self, failure: Exception) -> str:
        """The failure in short, without the key that servers may repeat."""
        return self._masked(str(failure))[:400]

    def _masked(self, text: str) -> str:
        key = self._api_key
        if not key:
            return text
        for said in _spellings(key):
            text = text.replace(said, "***")
        # What was read may have ended within the key.
        for length in range(min(len(key), len(text)) - 1, 3, -1):
            if text.endswith(key[:length]):
                return text[:-length] + "***"
        return text


def _spellings(key: str) -> list[str]:
    """A key as a server may repeat it, longest first."""
    found = {key, json.dumps(key)[1:-1], repr(key)[1:-1]}
    found |= {one.replace("/", "\\/") for one in found}
    found |= {quote(key, safe=""), quote(key), quote_plus(key)}
    return sorted(found, key=len, reverse=True)


def parse_json(text: str) -> Any:
    """The JSON value in a model's answer.

    Thoughts, code fences and sentences around it are passed over; of several
    objects or lists the longest counts. A key that occurs twice is an error,
    since two answers to one question are no answer.

    Arguments
    ---------
    text : str
        The answer.

    Returns
    -------
    value : dict or list

    Raises
    ------
    ValueError
        When there is no object or list in it.

    Example
    -------
    >>> parse_json('Sure! {"1": "A"} Anything else?')
    {'1': 'A'}
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique_keys,
        parse_constant=_no_number,
        parse_float=_finite,
    )
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text)} characters, too many to read")
    text = _without_thoughts(text)
    longest, value, end, work = 0, None, 0, 0
    for start in re.finditer(r"[\[{]", text):
        if start.start() < end:
            continue
        try:
            found, stop = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            # What stands in brackets left open is read again for each.
            work += error.pos - start.start() + _WORK_OF_ERROR
            if work > _MOST_WORK:
                raise ValueError("too many brackets are left open") from None
            continue
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        end = stop
        if end - start.start() > longest:
            longest, value = end - start.start(), found
    if not longest:
        raise ValueError("there is no complete JSON object or list in it")
    return value


def _without_thoughts(text: str) -> str:
    """In one pass: a pattern would look for each end anew.

    Templates may have begun a thought before the answer; one that does not
    end was cut off, and what it holds is no answer.
    """
    kept, position = [], 0
    first, opened = text.find(_CLOSE), text.find(_OPEN)
    if first >= 0 and not 0 <= opened < first:
        position = first + len(_CLOSE)
    while (start := text.find(_OPEN, position)) >= 0:
        kept.append(text[position:start])
        end = text.find(_CLOSE, start)
        if end < 0:
            return "".join(kept)
        position = end + len(_CLOSE)
    return "".join([*kept, text[position:]])


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number that JSON has")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = [key for key, count in counts.most_common(3) if count > 1]
        raise ValueError(f"the keys {twice} occur more than once")
    return found


def _check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    if address.username or address.password:
        raise ValueError(
            f"The base URL of {address.hostname} carries a password; put "
            "the secret into OPENSED_LLM_API_KEY instead."
        )
    if (
        address.scheme not in ("http", "https")
        or not address.hostname
        or any(letter.isspace() for letter in base_url)
    ):
        raise ValueError(
            f"{base_url!r} is no http(s) address; expected something like "
            "http://localhost:8000/v1"
        )
