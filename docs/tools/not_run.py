"""Commands and snippets of the pages that the tests do not run, and why.

`<!-- run: network -->` stands in front of such a block; the page then says so
to its reader.

Authors
 * The speechbrain-opensed contributors 2026
"""

import re

__all__ = ["REASONS", "tell"]

REASONS = {
    "network": "fetches something",
    "weights": "needs released weights",
    "corpus": "needs a corpus",
    "cluster": "needs several machines or GPUs",
    "hardware": "needs a microphone or a speaker",
    "llm": "asks a language model",
    "server": "runs until it is stopped",
    "recipe": "trains at full length; the tests run the same file, short",
}
_MARK = re.compile(r"^(?P<indent>[ ]*)<!-- run: (?P<reason>\w+) -->$", re.M)


def tell(markdown: str) -> str:
    """A page whose marks can be read.

    >>> print(tell("<!-- run: network -->"))
    *Not run by the tests: fetches something.*
    {: .not-run }
    <BLANKLINE>
    """

    def words(match: re.Match[str]) -> str:
        said = f"*Not run by the tests: {REASONS[match['reason']]}.*"
        return f"{match['indent']}{said}\n{match['indent']}{{: .not-run }}\n"

    return _MARK.sub(words, markdown)
