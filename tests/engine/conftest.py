import pytest
from comparing import assert_trial, run_engine, run_reference_case


@pytest.fixture(params=["engine", "reference"])
def ledger(request):
    """Runs a case through the engine (a replay and a study's trial) or through the reference and returns a `Result`."""

    def engine(case):
        got = run_engine(case)
        assert_trial(case, got.metrics)
        return got

    return {"engine": engine, "reference": run_reference_case}[request.param]
