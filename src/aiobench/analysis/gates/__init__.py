"""A check for CI: is a candidate no worse than a baseline? Rules in, verdicts out."""

from aiobench.analysis.gates.gate import gate
from aiobench.analysis.gates.result import GateResult, Outcome, Verdict

__all__ = ["GateResult", "Outcome", "Verdict", "gate"]
