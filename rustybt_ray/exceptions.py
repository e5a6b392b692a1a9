"""All errors of the package.

RustybtRayError
├── InputError(ValueError)      an argument breaks a rule
├── BundleError                 a bundle is missing, damaged or of another version
│   └── IngestError             a source cannot become a bundle; lists every finding
├── StrategyError               a strategy cannot be loaded, shipped or called with its parameters
│   └── WeightsError            what a target function returned cannot be traded
├── ExecutionError              the trials of a study cannot be run
├── RunError                    a run directory is damaged, in use, or of another study
└── ZiplineError                what zipline algorithms raise and catch, by zipline's names: see zipline/errors.py
"""


class RustybtRayError(Exception):
    """Base of every error raised on purpose."""


class InputError(RustybtRayError, ValueError):
    """An argument breaks a rule: what, the rule, the value received, the way out."""

    def __init__(self, name: str, rule: str, received: object, remedy: str) -> None:
        super().__init__(f"{name} must be {rule}; received {received!r}. {remedy}")
        self.name, self.rule, self.received, self.remedy = name, rule, received, remedy

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.name, self.rule, self.received, self.remedy)


class _FoundError(RustybtRayError):
    """What is wrong, where, and the way out."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(f"{what} ({where}). {remedy}")
        self.what, self.where, self.remedy = what, where, remedy

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.what, self.where, self.remedy)


class BundleError(_FoundError):
    """A bundle is missing, damaged or of another version."""


class IngestError(BundleError):
    """A source cannot become a bundle; `findings` has a line for every error found."""

    def __init__(self, what: str, where: str, remedy: str, findings: tuple[str, ...] = ()) -> None:
        super().__init__(what, where, remedy)
        self.findings = findings

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.what, self.where, self.remedy, self.findings)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {finding}" for finding in self.findings)])


class StrategyError(_FoundError):
    """A strategy cannot be loaded, shipped or called with its parameters."""


class WeightsError(StrategyError):
    """What a target function returned cannot be traded."""


class ExecutionError(_FoundError):
    """The trials of a study cannot be run: workers, strategy import or object store fail for all of them."""


class RunError(_FoundError):
    """A run directory is damaged, in use by another driver, of another study, or cannot be written."""
