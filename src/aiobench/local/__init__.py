"""The embedded backend: the platform's side of the wire, real, on this machine.

Here belong the server, its jobs, and the data, models and metrics it offers. What talks *to* a server does not:
this package shares no code with the client, so that the tests of one check the other. It imports
`aiobench.errors` alone (`backend` also the two clients, and only when asked for one).
"""

from aiobench.local.backend import LocalBackend

__all__ = ["LocalBackend"]
