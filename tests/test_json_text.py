import pytest

from skccem._json_text import named, parse_json, short


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1,", "Expecting value"),
        ("[" * 100_000, "too deep"),
        ("9" * 5000, "too many digits"),
        ('["\\ud800"]', "half a character"),
        ('{"\\uDC00": 1}', "half a character"),
    ],
)
def test_what_cannot_be_read_is_a_value_error_that_says_why(text, why):
    with pytest.raises(ValueError, match=why):
        parse_json(text)


def test_escaped_characters_outside_the_basic_plane_are_read():
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_deep_and_long_values_are_shown_in_short():
    deep = []
    for _ in range(900):
        deep = [deep]
    assert len(short(deep)) < 40
    assert len(short("a" * 10_000)) < 250
    assert short({"a": 1}) == "{'a': 1}"


def test_names_are_shown_without_quotes():
    assert named("a") == "a"
    assert named(7) == "7"
    assert named([7]) == "[7]"
