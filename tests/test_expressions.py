"""Conditions against Python's own eval, on scalars and on columns; and what is said about those that cannot be read."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray._expressions import parse
from rustybt_ray.exceptions import InputError

NAMES = ("a", "b", "c")
NUMBERS = st.one_of(st.integers(-9, 9), st.sampled_from([-2.5, -0.5, 0.25, 1.5, 3.0])).map(repr)
QUANTITIES = st.recursive(
    NUMBERS | st.sampled_from(NAMES),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=4,
)
COMPARISONS = st.lists(
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), QUANTITIES), min_size=1, max_size=3
).flatmap(lambda rest: QUANTITIES.map(lambda first: " ".join([first, *(f"{op} {text}" for op, text in rest)])))
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]}) {t[1]} {t[2]}"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=4,
)
ROWS = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(-3, 3), st.sampled_from([-1.5, 0.0, 0.5, 2.0])), min_size=1, max_size=6
)


def by_python(text, row):
    """Python's answer, None where it divides by zero."""
    try:
        return bool(eval(text, {"__builtins__": {}}, dict(zip(NAMES, row, strict=True))))
    except ZeroDivisionError:
        return None


@given(CONDITIONS, ROWS)
def test_means_what_python_means(text, rows):
    expected = [by_python(text, row) for row in rows]
    condition = parse(text, names=NAMES)
    scalars = [condition.evaluate(dict(zip(NAMES, row, strict=True))) for row in rows]
    columns = {name: np.array(column) for name, column in zip(NAMES, zip(*rows, strict=True), strict=True)}
    vector = np.broadcast_to(condition.evaluate(columns), len(rows)).tolist()
    assert vector == scalars
    assert all(type(answer) is bool for answer in scalars)
    assert [s for s, e in zip(scalars, expected, strict=True) if e is not None] == [
        e for e in expected if e is not None
    ]


@given(CONDITIONS)
def test_names_are_those_used_in_order_of_appearance(text):
    letters = [letter for letter in text.replace("and", "") if letter in NAMES]
    assert parse(text).names == tuple(dict.fromkeys(letters))


def test_a_name_inside_another_is_not_that_name():
    assert parse("slow_fast < fast and slow > 1").names == ("slow_fast", "fast", "slow")


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_a_comparison_with_nan_is_false(operator):
    condition = parse(f"x {operator} 1")
    assert condition.evaluate({"x": math.nan}) is False
    assert condition.evaluate({"x": np.array([math.nan])}).tolist() == [False]
    assert parse("x == x").evaluate({"x": math.nan}) is False


def test_a_bare_name_is_true_where_it_is_known_and_not_zero():
    assert parse("x").evaluate({"x": np.array([0.0, 1.0, math.nan])}).tolist() == [False, True, False]
    assert parse("not x").evaluate({"x": True}) is False


def test_division_by_zero_is_undefined_in_scalars_and_columns():
    for text in ("a / b > 1", "a % b >= 0", "a / b < 1"):
        assert parse(text).evaluate({"a": 3, "b": 0}) is False
        assert parse(text).evaluate({"a": np.array([3]), "b": np.array([0])}).tolist() == [False]


def test_whole_numbers_do_not_wrap_around():
    columns = {name: np.array([10**9]) for name in NAMES}
    assert parse("a * b * c == 1000000000000000000000000000").evaluate(columns).tolist() == [True]
    assert parse("a + b > 0").evaluate({"a": np.array([2**63 - 1]), "b": np.array([1])}).tolist() == [True]


def test_text_and_none_compare_and_mixed_columns_stop_early():
    kinds = np.array(["sma", "ema"])
    assert parse("kind == 'sma' or n > 5").evaluate({"kind": kinds, "n": np.array([1, 9])}).tolist() == [True, True]
    mixed = np.array([None, 3, 9], dtype=object)
    assert parse("x == None or x > 5").evaluate({"x": mixed}).tolist() == [True, False, True]
    with pytest.raises(InputError, match=r"must be one that can be computed; received .*'NoneType'"):
        parse("x > 5").evaluate({"x": mixed})


def test_a_condition_without_columns_in_it_still_answers_every_row():
    assert parse("1 < 2 or k == 3").evaluate({"k": np.array([1, 2])}).tolist() == [True, True]


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("fast <", 6, "it ends here or cannot be read from here"),
        ("fast = 3", 5, "'==' compares, '=' does not"),
        ("fast < slow and open('x')", 16, "this is not part of a condition"),
        ("fast.real < 3", 0, "this is not part of a condition"),
        ("fast < slow[0]", 7, "this is not part of a condition"),
        ("fast ** 9 > 1", 0, "this is not part of a condition"),
        ("fast < 1j", 7, "this is not part of a condition"),
        ("fast in (1, 2)", 0, "this is not part of a condition"),
        ("fast < slow if slow else fast", 0, "this is not part of a condition"),
        ("[fast for fast in slow]", 0, "this is not part of a condition"),
        ("(fast := 3) < slow", 1, "this is not part of a condition"),
        ("f'{fast}' == slow", 0, "this is not part of a condition"),
        ("fast < slow # and slow < 9", 12, "a comment is not part of a condition"),
        ("fast + 1", 0, "this is a quantity, not a condition"),
        ("fast < slow and 3", 16, "this is a quantity, not a condition"),
        ("slow > 1 and fsat < slow", 13, "'fsat' is not known. Did you mean 'fast'?"),
        ("zzz < 1", 0, "'zzz' is not known. Known: fast, slow."),
        ("-" * 70 + "1 < fast", 59, "it is nested too deeply"),
    ],
)
def test_shows_where_a_condition_cannot_be_read(text, column, reason):
    with pytest.raises(InputError) as caught:
        parse(text, names=("fast", "slow"), what="require")
    _, shown, pointed, allowed = str(caught.value).split("\n")
    assert str(caught.value).startswith("require must be a condition such as 'fast < slow'; received ")
    assert shown == f"  {text}"
    assert pointed.startswith(f"  {' ' * column}^ {reason}")
    assert allowed.startswith("Allowed are names, numbers, quoted text")


def test_the_caret_counts_letters_not_bytes():
    with pytest.raises(InputError, match="\n" + " " * 10 + r"\^ this is not"):
        parse("größe < f(1)", names=("größe",))


def test_lines_are_one_condition_and_a_comment_hides_none_of_them():
    assert parse("fast\n  < slow\n  and slow < 9").evaluate({"fast": 1, "slow": 9}) is False
    assert parse("kind == '#1'").evaluate({"kind": "#1"}) is True
    with pytest.raises(InputError, match="a comment is not part of a condition"):
        parse("fast < slow  # always\n and slow < 9")


@pytest.mark.parametrize("text", ["", "  ", None, 3, "a < 1 and " * 200 + "a < 1"])
def test_needs_text_of_some_length(text):
    with pytest.raises(InputError, match="constraint must be a condition of 1 to 1000 characters"):
        parse(text)


@pytest.mark.parametrize("text", ["'a' * 1000000000 == 'b'", "'%9999999d' % 3 == 'x'", "-'a' < 'b'", "k + k == 'aa'"])
def test_text_is_not_calculated_with(text):
    for value in ("a", np.array(["a"])):
        with pytest.raises(InputError, match="cannot be calculated with"):
            parse(text).evaluate({"k": value} if "k" in text else {})


def test_values_must_be_there():
    with pytest.raises(
        InputError, match=r"condition 'fast < slow' must be of known names; received 'slow'. Did you mean 'slw'"
    ):
        parse("fast < slow").evaluate({"fast": 1, "slw": 2})


def test_style_warnings_of_the_compiler_are_not_shown():
    assert parse(r"kind != '\d'").evaluate({"kind": "x"}) is True
