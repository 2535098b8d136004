"""The rules of a gate, as text: `BLEU by sacrebleu >= -0.5`, `chrF by sacrebleu > 0`, `failure rate <= 2`."""

from __future__ import annotations

import math
import re
from typing import Literal

from attrs import frozen

from aiobench.analysis.errors import AnalysisError

__all__ = ["FAILURE_RATE", "Rule", "parse_rule"]

FAILURE_RATE = "failure rate"
Sign = Literal[">", ">=", "<", "<="]
SIGNS: dict[str, Sign] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}
OPERATOR = re.compile(r">=|<=|=>|=<|==|!=|[<>=≥≤]")
NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")


@frozen
class Rule:
    """One rule.

    Attributes:
        text: As it was written.
        subject: A metric's name, or `failure rate`.
        operator: How the figure compares with the bound.
        bound: In the metric's unit, or percent of the segments.
    """

    text: str
    subject: str
    operator: Sign
    bound: float

    @property
    def is_of_failures(self) -> bool:
        """Whether the rule bounds the candidate's failure rate."""
        return self.subject == FAILURE_RATE

    def holds(self, figure: float) -> bool:
        """Tell whether a figure is on the right side of the bound."""
        match self.operator:
            case ">":
                return figure > self.bound
            case ">=":
                return figure >= self.bound
            case "<":
                return figure < self.bound
            case "<=":
                return figure <= self.bound


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises:
        AnalysisError: If the text is no rule; a caret points at the place.
    """
    if not isinstance(text, str):
        raise AnalysisError(f"a rule is a text such as 'BLEU by sacrebleu >= -0.5', not {type(text).__name__}")
    line = " ".join(text.split())
    operators = list(OPERATOR.finditer(line))
    if not operators:
        raise _mistake(line, len(line), "an operator and a number are missing, such as >= -0.5")
    operator = operators[-1]  # a metric's name may have one of its own
    subject, number = line[: operator.start()].strip(), line[operator.end() :].strip()
    sign = SIGNS.get(operator.group())
    if sign is None:
        raise _mistake(line, operator.start(), f"{operator.group()} is no operator of rules; write >=, >, <= or <")
    if not subject:
        raise _mistake(line, operator.start(), "the name of a metric is missing before it")
    if not number:
        raise _mistake(line, len(line), "a number is missing")
    is_of_failures = subject.casefold() == FAILURE_RATE
    digits = number.removesuffix("%").rstrip() if is_of_failures else number
    if NUMBER.fullmatch(digits) is None or not math.isfinite(float(digits)):
        raise _mistake(line, len(line) - len(number), f"{number!r} is no number")
    rule = Rule(line, FAILURE_RATE if is_of_failures else subject, sign, float(digits))
    _check_sense(rule, operator.start(), len(line) - len(number))
    return rule


def _check_sense(rule: Rule, operator: int, number: int) -> None:
    """Refuse bounds on the wrong side, which would pass what a gate is there to stop."""
    bounds_from_below = rule.operator in (">", ">=")
    if not rule.is_of_failures and not bounds_from_below:
        reason = (
            "a rule bounds the gain over the baseline from below, also where lower scores are better; write >= or >"
        )
        raise _mistake(rule.text, operator, reason)
    if rule.is_of_failures and bounds_from_below:
        raise _mistake(rule.text, operator, "a failure rate is bounded from above; write <= or <")
    if rule.is_of_failures and not 0 <= rule.bound <= 100:
        raise _mistake(rule.text, number, "a failure rate is between 0 and 100 percent")


def _mistake(line: str, place: int, reason: str) -> AnalysisError:
    return AnalysisError(f"this rule cannot be read: {reason}\n  {line}\n  {' ' * place}^")
