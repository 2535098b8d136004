"""Which model is better, how sure that is, and where it fails: frames of segments in, results out.

What pairs, selects, summarizes and tests belongs here; no requests, no plots, no files. scipy and statsmodels do the
arithmetic (extra `stats`) and are imported where they are used.
"""

from aiobench.analysis.breakdown import by, worst_segments
from aiobench.analysis.comparing import compare
from aiobench.analysis.comparison import Comparison
from aiobench.analysis.corpus import corpus_scores
from aiobench.analysis.errors import AnalysisError
from aiobench.analysis.families import compare_all
from aiobench.analysis.gates import GateResult, Verdict, gate
from aiobench.analysis.leaderboard import leaderboard
from aiobench.analysis.power import minimum_detectable_effect, segments_needed

__all__ = [
    "AnalysisError",
    "Comparison",
    "GateResult",
    "Verdict",
    "by",
    "compare",
    "compare_all",
    "corpus_scores",
    "gate",
    "leaderboard",
    "minimum_detectable_effect",
    "segments_needed",
    "worst_segments",
]
