from hypothesis import given
from hypothesis import strategies as st

from hilum.files import Problems
from hilum.sources.patients import in_order, iso_date, sex_of, visits
from hilum.study import Sex, Study
from sources.helpers import said

DAYS = ("", "2019-01-01", "2019-02-01", "2019-03-01")


def study(visit, rows):
    return Study(visit, visit[0], "x", (), taken=rows[0][1]["taken"])


@given(st.permutations([(p, f"{p}{v}", row) for p in "ab" for v in range(3) for row in range(2)]), st.data())
def test_rows_in_any_order_become_each_patients_visits_by_date(rows, data):
    days = {visit: data.draw(st.sampled_from(DAYS)) for _, visit, _ in rows}
    numbered = [(p, visit, (f"row {row}", {"taken": days[visit]})) for p, visit, row in rows]
    made = list(visits(numbered, lambda visit, own: study(visit, own) if len(own) == 2 else None))
    assert sorted(one.id for one in made) == sorted(days)
    first = rows[0][0]
    assert "".join(one.patient for one in made) == first * 3 + ("b" if first == "a" else "a") * 3
    for patient in "ab":
        own = [one for one in made if one.patient == patient]
        dated = [one for one in own if one.taken]
        assert own[: len(dated)] == dated == sorted(dated, key=lambda one: one.taken)
        for one in own:
            earlier = [other for other in dated if one.taken and other.taken < one.taken]
            assert (one.prior.taken if one.prior else None) == (earlier[-1].taken if earlier else None)
            assert one.prior is None or one.prior.prior is None


def test_a_visit_of_which_no_study_can_be_made_is_nobodys_prior():
    rows = [("a", f"a{n}", ("row", {"taken": day})) for n, day in enumerate(DAYS[1:])]
    made = list(visits(rows, lambda visit, own: None if visit == "a1" else study(visit, own)))
    assert [(one.id, one.prior.id if one.prior else None) for one in made] == [("a0", None), ("a2", "a0")]


def test_studies_of_one_time_have_the_same_prior():
    ids = {"a": 1.0, "b": 2.0, "c": 2.0, "d": None}
    made = list(in_order([(key, Study(id, "p", "x", ())) for id, key in ids.items()]))
    assert [one.prior.id if one.prior else None for one in made] == [None, "a", "a", None]


def test_words_of_sex_and_dates_are_read_and_others_counted():
    problems = Problems()
    assert [sex_of(word, "row 1", problems) for word in (" Female", "M", "nan", "O", "x")] == [
        Sex.FEMALE,
        Sex.MALE,
        Sex.UNKNOWN,
        Sex.UNKNOWN,
        Sex.UNKNOWN,
    ]
    dates = ("20150301", "20150301.0", "2015-03-01", "", "None", "20150230", "March")
    assert [iso_date(text, "row 2", problems) for text in dates] == ["2015-03-01"] * 3 + [""] * 4
    assert [line.split(":")[0] for line in said(problems)] == ["row 1", "row 2", "row 2"]
