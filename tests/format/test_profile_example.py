"""The example of docs/format/profile.md is what the code writes, and the code reads it."""

import io
import re
from functools import partial

import pytest
from tests.support.pages import page

from tether.core.digest import hash_bytes
from tether.errors import Corrupt, Unsupported
from tether.releases.profiles.document import Profile
from tether.releases.profiles.making import Item, make_profile


def test_the_example_of_a_profile() -> None:
    """The profile of the rows on the page is that on the page, byte for byte."""
    (rows,) = re.findall(r"^```csv\n(.*?)^```$", page("profile"), re.M | re.S)
    (expected,) = re.findall(r"^```json\n(.*?)^```$", page("profile"), re.M | re.S)
    data = rows.encode()
    item = Item("birds.csv", len(data), partial(io.BytesIO, data), partial(hash_bytes, data))

    made = make_profile([item], folder=False)

    assert made.encode() == expected.encode()
    assert Profile.decode(expected.encode()) == made


def test_profiles_of_others() -> None:
    """A newer version is told of, fields that are not known are borne, and what is no profile is damage."""
    (text,) = re.findall(r"^```json\n(.*?)^```$", page("profile"), re.M | re.S)
    record = text.encode()

    found = Profile.decode(record)
    assert Profile.decode(record.replace(b'"version":1', b'"more":[1],"version":1')) == found
    with pytest.raises(Unsupported):
        Profile.decode(record.replace(b'"version":1', b'"version":2'))
    for wrong in (b"", b"[]", record[:-9], record.replace(b'"count":5', b'"count":-5', 1), b'{"version":1}'):
        with pytest.raises(Corrupt):
            Profile.decode(wrong)
