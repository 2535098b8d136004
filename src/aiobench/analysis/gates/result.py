"""What a gate found: a verdict for each rule, as Markdown and as JUnit's ET."""

from __future__ import annotations

import math
import re
from typing import Any, Literal
from xml.etree import ElementTree as ET  # only writes here; nothing from outside is parsed

from attrs import asdict, frozen

from aiobench._display import printable

__all__ = ["GateResult", "Outcome", "Verdict", "worst_outcome"]

Outcome = Literal["pass", "fail", "inconclusive"]

WORST_FIRST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")
HEADINGS: dict[Outcome, str] = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@frozen
class Verdict:
    """How one rule ended.

    Attributes:
        rule: The rule, as it was written.
        outcome: `pass`, `fail` or `inconclusive`.
        reason: Why, in a sentence.
        model: The candidate's model.
        n: Segments that decided it: pairs, or all segments for a failure rate.
        figure: The gain over the baseline, in the metric's unit, above zero where the candidate is better; or the
            failure rate in percent. NaN where there is none.
        low: The one-sided lower bound of the gain; NaN where there is none.
        high: The one-sided upper bound of the gain.
        bound: The rule's number.
        on: The segments that decided: `common` or `worst`, whichever was stricter.
        segments_needed: About how many pairs would decide an inconclusive rule; None where no number would.
    """

    rule: str
    outcome: Outcome
    reason: str
    model: str
    n: int
    figure: float
    low: float
    high: float
    bound: float
    on: str
    segments_needed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that `json.dumps` takes; NaN becomes None."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@frozen
class GateResult:
    """The verdicts of a gate. True in a condition only if every rule passed.

    Attributes:
        verdicts: One for each rule, in the rules' order.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of all verdicts."""
        return worst_outcome([verdict.outcome for verdict in self.verdicts])

    @property
    def passed(self) -> bool:
        """Whether every rule passed; an inconclusive one did not."""
        return self.outcome == "pass"

    def __bool__(self) -> bool:
        return self.passed

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        rules = f"{len(self.verdicts)} rule{'' if len(self.verdicts) == 1 else 's'}"
        if self.passed:
            return f"Gate passed: {rules} checked."
        counts = {outcome: sum(each.outcome == outcome for each in self.verdicts) for outcome in WORST_FIRST}
        parts = [f"{counts[outcome]} {HEADINGS[outcome]}" for outcome in ("fail", "inconclusive") if counts[outcome]]
        return f"Gate {HEADINGS[self.outcome]}: of {rules}, {' and '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that `json.dumps` takes."""
        return {
            "passed": self.passed,
            "outcome": self.outcome,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    def to_markdown(self) -> str:
        """Return the result as Markdown, for a summary in CI or a comment on a pull request."""
        lines = [f"**{self.sentence}**", "", "| Rule | Outcome | Model | Segments | Why |", "|---|---|---|---|---|"]
        for verdict in self.verdicts:
            cells = (
                _cell(verdict.rule),
                verdict.outcome,
                _cell(verdict.model),
                f"{verdict.n:,}",
                _cell(verdict.reason),
            )
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def to_junit(self) -> str:
        """Return the result as JUnit's XML: a rule that failed is a failure, an inconclusive one an error."""
        counts = {outcome: sum(each.outcome == outcome for each in self.verdicts) for outcome in WORST_FIRST}
        suite = ET.Element(
            "testsuite",
            name="aiobench gate",
            tests=str(len(self.verdicts)),
            failures=str(counts["fail"]),
            errors=str(counts["inconclusive"]),
            skipped="0",
        )
        for verdict in self.verdicts:
            case = ET.SubElement(
                suite, "testcase", classname=f"gate.{_xml(verdict.model)}", name=_xml(verdict.rule), time="0"
            )
            if verdict.outcome != "pass":
                tag = "failure" if verdict.outcome == "fail" else "error"
                ET.SubElement(case, tag, message=_xml(verdict.reason), type=verdict.outcome)
        return ET.tostring(suite, encoding="unicode", xml_declaration=False) + "\n"

    def __str__(self) -> str:
        lines = [self.sentence]
        lines += [f"  {each.outcome:13} {each.rule}: {each.reason}" for each in self.verdicts]
        return "\n".join(map(printable, lines))

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def worst_outcome(outcomes: list[Outcome]) -> Outcome:
    """Return the worst of some outcomes; nothing checked is inconclusive."""
    for outcome in WORST_FIRST:
        if outcome in outcomes:
            return outcome
    return "inconclusive"


def _cell(text: str) -> str:
    """Escape what Markdown and HTML would take for markup."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]])", r"\\\1", line)


def _xml(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
