from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.cli.parse import COMMANDS, overview, parse
from hilum.errors import UsageError
from hilum.instruct.tasks import CORE

# A word no option begins with and no positional is mistaken for.
plain = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(
    lambda word: not word.startswith("-")
)


def test_the_commands_are_those_of_the_contract():
    names = (
        "quickstart build leaks train align align-study report ask locate draw facts judge bench audit "
        "compare leaderboard card openbench phantom tokenize tokenizer-import tasks sources"
    )
    assert list(COMMANDS) == names.split()
    assert all(f"  {name} " in overview() for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_an_example_and_stops(name, capsys):
    assert parse(name, ["--help"]) is None
    text = capsys.readouterr().out
    assert text.startswith(f"usage: hilum {name}")
    assert f"\n  hilum {name}" in text
    assert "--json" in text


def test_help_says_where_the_sources_are_listed_and_names_every_task_of_the_core(capsys):
    parse("build", ["--help"])
    assert "`hilum sources` lists" in capsys.readouterr().out
    parse("bench", ["--help"])
    text = capsys.readouterr().out
    assert [task for task in CORE if task not in text] == []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "a.png", "b.png", "Why?"],
        ["--json", "run", "a.png", "b.png", "Why?"],
        ["run", "--json", "a.png", "b.png", "Why?"],
        ["run", "a.png", "--json", "b.png", "Why?"],
        ["run", "a.png", "b.png", "Why?", "--json"],
        ["--json", "--", "run", "a.png", "b.png", "Why?"],
    ],
)
def test_options_may_stand_anywhere_among_the_images(words):
    command = parse("ask", words)
    assert command.run_folder == Path("run")
    assert command.images_and_question == ("a.png", "b.png", "Why?")
    assert command.json is ("--json" in words)


def test_options_of_an_answer_may_be_repeated_and_begin_with_a_dash():
    command = parse(
        "ask", ["run", "--option", "yes", "a.png", "--option=-no", "Why?", "--option", "not sure"]
    )
    assert command.option == ("yes", "-no", "not sure")
    assert command.images_and_question == ("a.png", "Why?")


@given(st.lists(plain, min_size=1, max_size=5), st.integers(0, 5))
def test_every_image_is_taken_wherever_the_flag_stands(images, place):
    words = ["run", *images]
    words.insert(min(place, len(words)), "--json")
    command = parse("report", words)
    assert [str(path) for path in command.images] == [str(Path(image)) for image in images]
    assert command.json


@pytest.mark.parametrize("text", ["- No effusion.", "-1", "--- clear lungs", "a=b", "--", "No\neffusion."])
def test_a_text_that_begins_like_an_option_is_a_text(text):
    words = ["--", text] if text == "--" else [text]
    assert parse("facts", words).text == text


@given(plain)
def test_any_text_reaches_the_command_unchanged(text):
    assert parse("facts", [text]).text == text


def test_a_value_may_begin_with_a_dash():
    assert parse("report", ["run", "a.png", "--indication", "-- fever"]).indication == "-- fever"
    assert parse("report", ["run", "a.png", "--indication=--x"]).indication == "--x"


@pytest.mark.parametrize(
    "words",
    [
        ["--source", "phantom", "--source", "open-i=x"],
        ["--source", "phantom", "open-i=x"],
        ["--source=phantom", "open-i=x"],
    ],
)
def test_sources_are_repeated_or_listed(words):
    assert parse("build", [*words, "--out", "o"]).source == ("phantom", "open-i=x")
    assert parse("bench", ["run", *words]).source == ("phantom", "open-i=x")


def test_a_source_does_not_swallow_the_run_that_is_still_to_come():
    command = parse("bench", ["--source", "phantom", "run"])
    assert (command.model, command.source) == ("run", ("phantom",))


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("facts", [], 'needs "REPORT TEXT"'),
        ("ask", ["run", "Why?"], 'needs RUN IMAGE... "QUESTION"'),
        ("report", ["run"], "needs RUN IMAGE..."),
        ("draw", ["run", "text"], "needs --out"),
        ("phantom", [], "needs --n --out"),
        ("build", ["--out", "o"], "needs --source"),
        ("facts", ["a", "b"], "did not expect 'b'"),
        ("facts", ["a", "--jsn"], "unknown option --jsn; did you mean --json? see"),
        ("report", ["run", "a.png", "--indicatoin=x"], "did you mean --indication?"),
        ("facts", ["a", "--json=yes"], "unknown option --json=yes"),
        ("phantom", ["--out", "o", "--n"], "--n needs a value"),
        ("phantom", ["--out", "o", "--n", "many"], "--n: 'many' is no whole number; see"),
        ("bench", ["run", "--limit", "1.5"], "--limit: '1.5' is no whole number; see"),
        ("align", ["run", "--beta", "x"], "--beta: 'x' is no number; see"),
        ("draw", ["run", "text", "--out", "o.png", "--view", "OBLIQUE"], "invalid choice 'OBLIQUE'"),
    ],
)
def test_misuse_is_one_line_that_names_the_thing_and_points_to_help(name, words, says):
    with pytest.raises(UsageError) as caught:
        parse(name, words)
    assert caught.value.exit_status == 2
    assert says in str(caught.value)
    assert str(caught.value).endswith(f"see `hilum {name} --help`")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", [["--out", ""], ["--out="], ["--out", " "]])
def test_an_empty_value_as_from_an_unset_variable_is_refused(words):
    with pytest.raises(UsageError, match="--out is empty"):
        parse("phantom", ["--n", "1", *words])


def test_a_wrong_choice_names_only_what_can_be_typed():
    with pytest.raises(UsageError, match="'generation'") as found:
        parse("bench", ["run", "--protocol", "words"])
    assert "None" not in str(found.value)
