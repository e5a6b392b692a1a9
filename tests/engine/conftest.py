import pytest
from comparing import Result, run_engine, run_reference_case


@pytest.fixture(params=["engine", "reference"])
def ledger(request):
    """Runs a case through the engine or through the reference and returns a `Result`."""
    return {"engine": run_engine, "reference": run_reference_case}[request.param]


@pytest.fixture
def both():
    """Runs a case through both."""

    def run(case) -> tuple[Result, Result]:
        return run_engine(case), run_reference_case(case)

    return run
