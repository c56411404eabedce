"""What servers say is compared with what was asked for."""

import pytest
import requests

from lhotse_recipes.building.answers import (
    announced,
    fits,
    refuse_other_content,
    version_of,
)


def answer(status=206, **headers):
    made = requests.Response()
    made.status_code = status
    made.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
    return made


@pytest.mark.parametrize(
    ("told", "size"),
    [
        (answer(Content_Range="bytes 5-9/100", Content_Length="5"), 100),
        (answer(Content_Range="bytes 5-9/*", Content_Length="5"), 10),
        (answer(200, Content_Length="5"), 10),
        (answer(200, Content_Length="-5"), None),
        (answer(200), None),
    ],
)
def test_the_size_of_all(told, size):
    assert announced(told, 5) == size


@pytest.mark.parametrize(
    ("told", "right"),
    [
        (answer(Content_Range="bytes 5-9/10"), True),
        (answer(Content_Range="bytes 4-9/10"), False),
        (answer(Content_Range="bytes */10"), False),
        (answer(), False),
        (answer(Content_Range="bytes 5-9/10", ETag='"b"'), False),
        (answer(Content_Range="bytes 5-9/10", ETag='"a"'), True),
    ],
)
def test_a_part_that_goes_on(told, right):
    assert fits(told, 5, '"a"') is right


def test_weak_tags_are_no_versions():
    assert version_of(answer(ETag='W/"a"', Last_Modified="now")) == "now"


@pytest.mark.parametrize("name", ["a.csv", "a.zip"])
def test_pages_and_packed_files(name):
    with pytest.raises(OSError, match="a page in place"):
        refuse_other_content(name, answer(Content_Type="Text/HTML; x=y"))
    with pytest.raises(OSError, match="packs the file"):
        refuse_other_content(name, answer(Content_Encoding="br"))
    refuse_other_content("a.html", answer(Content_Type="text/html"))
    refuse_other_content("a.tar.gz", answer(Content_Encoding="x-gzip"))
