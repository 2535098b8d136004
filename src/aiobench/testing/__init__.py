"""Test code that uses aiobench: a fake platform whose time takes no time.

The fixtures `aiobench_platform`, `aiobench_client`, `aiobench_sync_client` and `aiobench_backend` come with the
package, as a plugin of pytest. Of the client, only the public interface and the clock are used here.
"""

from aiobench.testing.jobs import FakeBenchmark, FakeJob
from aiobench.testing.platform import FakePlatform
from aiobench.testing.replies import FakeRequest

__all__ = ["FakeBenchmark", "FakeJob", "FakePlatform", "FakeRequest"]
