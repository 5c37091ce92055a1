"""A file of lines keeps what was written whole, whatever cuts it short; the last line of a film holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.recipes.lines import Lines, stamp

PROVENANCE = {"model": "m", "weights": "w"}
READ = "0123456789ab"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_whole_is_kept_and_what_was_cut_short_is_not(tmp_path, data) -> None:
    texts = data.draw(st.lists(st.text(), max_size=6))
    out = tmp_path / "reports.jsonl"
    out.unlink(missing_ok=True)
    with Lines(out, "hilum report", "id", PROVENANCE) as lines:
        lines.add({"id": f"{number}", "read": READ, "findings": text} for number, text in enumerate(texts))
    written = out.read_bytes()
    kept = written[: data.draw(st.integers(0, len(written)))]
    out.write_bytes(kept)
    with Lines(out, "hilum report", "id", PROVENANCE) as lines:
        ended = range(kept.count(b"\n"))
        assert [number for number in range(len(texts)) if lines.has(f"{number}", READ)] == list(ended)
        assert [row["findings"] for row in lines.rows()] == [texts[number] for number in ended]
    assert out.read_bytes() == kept[: kept.rfind(b"\n") + 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, "empty", "torn"])), max_size=12))
def test_the_last_line_of_a_film_holds_and_no_failure_is_told_twice(tmp_path_factory, given_lines) -> None:
    out = tmp_path_factory.mktemp("lines") / "codes.jsonl"
    holds: dict[str, str | None] = {}
    written = 0
    for name, error in given_lines:
        with Lines(out, "hilum tokenize", "image", PROVENANCE) as lines:
            lines.add([{"image": name, "read": READ} | ({} if error is None else {"error": error})])
            written += error is None or holds.get(name, "") != error
            holds[name] = error
            assert lines.has(name, READ) == (error is None)
            assert not lines.has(name, "fedcba987654")
            assert {row["image"]: row.get("error") for row in lines.rows()} == holds
            assert len(list(lines.rows())) == len(holds)
    assert not given_lines or out.read_bytes().count(b"\n") == written


def test_lines_of_other_weights_or_of_another_command_are_refused(tmp_path) -> None:
    out = tmp_path / "lines.jsonl"
    with Lines(out, "hilum report", "id", PROVENANCE) as lines:
        lines.add([{"id": "a"}])
    assert json.loads(out.read_text())["weights"] == "w"
    with pytest.raises(UsageError, match="other weights"), Lines(out, "hilum report", "id", {"weights": "v"}):
        pass
    with pytest.raises(UsageError, match="line 1"), Lines(out, "hilum tokenize", "image", PROVENANCE):
        pass


def test_a_stamp_tells_files_of_one_name_and_versions_of_one_file_apart(tmp_path, monkeypatch) -> None:
    for site in ("a", "b"):
        (tmp_path / site).mkdir()
        (tmp_path / site / "1.png").write_bytes(b"film")
    path = tmp_path / "a" / "1.png"
    one = stamp([path], "cough")
    assert stamp([path], "cough") == one
    others = [stamp([path], "fever"), stamp([tmp_path / "b" / "1.png"], "cough"), stamp([path] * 2, "cough")]
    path.write_bytes(b"another film")
    others += [stamp([path], "cough"), stamp([tmp_path / "none.png"], "cough")]
    assert len({one, *others}) == 6
    monkeypatch.chdir(tmp_path / "a")
    assert stamp(["1.png"], "cough") == others[3]
