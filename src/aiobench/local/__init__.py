"""The embedded backend: the platform's side of the wire, real, on this machine.

Here belong the server, its jobs, and the data, models and metrics it offers. What talks *to* a server does not:
this package shares no code with the client, so that the tests of one check the other. It imports
`aiobench.errors` alone. `backend` also imports the two clients, when asked for one, and `evaluation` the shapes of
its results: a snapshot and a frame.
"""

from aiobench.local.backend import LocalBackend
from aiobench.local.evaluation import Evaluation, evaluate, evaluate_async
from aiobench.local.registration import model, predictions

__all__ = ["Evaluation", "LocalBackend", "evaluate", "evaluate_async", "model", "predictions"]
