"""Which names an algorithm's code takes, read from its text."""

import ast

import pytest

from rustybt_ray.zipline.parameters import defines, names_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A = 1\nB: int = 2\nC: int\nD += 1", {"A", "B", "D"}),
        ("A, (B, *C) = 1, (2, 3)\nx.D = E[0] = 4", {"A", "B", "C"}),
        (
            "if x:\n    A = 1\nelse:\n    B = 1\ntry:\n    C = 1\nexcept E:\n    D = 1\nfinally:\n    F = 1",
            set("ABCDF"),
        ),
        ("with x as y:\n    A = 1\nfor i in x:\n    B = i", {"A", "B"}),
        ("def f():\n    A = 1\nclass C:\n    B = 1\nimport os\nfrom m import n", set()),
    ],
)
def test_names_that_a_file_assigns(text, names):
    assert names_of(ast.parse(text)).settable == names


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("context.params['a'] + c.params['b']", {"a", "b"}),
        ("context.params.get('a', 1) or context.params.pop('b')", {"a", "b"}),
        ("context.params.setdefault('a', 1)", {"a"}),
        ("'a' in context.params and 'b' not in context.params", {"a", "b"}),
        ("p = context.params; p['a']; p.get('b')", {"a", "b"}),
        ("context.p = context.params", set()),
        ("context.params['a'] = 1", set()),
        ("print('a')", set()),
        ("context.params[name]", None),
        ("context.params.get(name)", None),
        ("context.params.items()", None),
        ("f(**context.params)", None),
        ("f(context.params)", None),
        ("p = context.params; list(p)", None),
        ("[x for x in context.params]", None),
    ],
)
def test_names_that_code_reads(code, read):
    found = names_of(ast.parse(""), ast.parse(f"def initialize(context):\n    {code}"))
    assert found.open == (read is None)
    if read is not None:
        assert found.read == read
    assert found.settable == frozenset()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def initialize(context): ...", {"initialize"}),
        ("if 1:\n    def handle_data(c, d): ...", {"handle_data"}),
        ("from m import initialize, go as handle_data", {"initialize", "handle_data"}),
        ("initialize = f", {"initialize"}),
        ("initialize = 3", set()),
        ("class C:\n    def initialize(self): ...\ndef f():\n    def handle_data(): ...", set()),
    ],
)
def test_functions_that_a_file_defines(text, found):
    assert defines(ast.parse(text), ("initialize", "handle_data")) == found
