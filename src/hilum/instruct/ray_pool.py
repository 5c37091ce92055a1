"""Work spread over a Ray cluster, its results in the order of the work.

with RayWorkers("auto") as workers:
    for result in workers.map(function, items): ...

Needs the extra: `pip install 'hilum[ray]'`. What workers write must lie where all of them see it, such as on
a file system that the machines share.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from hilum.errors import DataError, UsageError
from hilum.instruct.pool import in_order

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

LOCAL = "local"
"""The address of a cluster that is started here, on this machine alone, and stopped again."""


class RayWorkers:
    """The processors of a Ray cluster.

    Args:
        address: of a running cluster, as `ray.init` takes it ("auto", "host:port"), or `local`.
        count: processors of a local cluster; None for one per core.

    Raises:
        UsageError: Ray is not installed, or no cluster answers at the address.
    """

    def __init__(self, address: str, count: int | None = None) -> None:
        if address == LOCAL:  # on loopback: Ray reads this when it is imported
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            import ray
        except ImportError as error:
            raise UsageError("--ray", "needs Ray", "pip install 'hilum[ray]'") from error
        self._ray, self._address, self._count = ray, address, count
        self._started = False

    def __enter__(self) -> RayWorkers:
        ray, local = self._ray, self._address == LOCAL
        if not ray.is_initialized():
            where: dict[str, Any] = {"address": self._address}
            if local:  # without its web page; what can be imported here can be there
                path = os.pathsep.join(filter(None, sys.path))
                where = {"num_cpus": self._count, "include_dashboard": False}
                where["runtime_env"] = {"env_vars": {"PYTHONPATH": path}}
            try:
                ray.init(**where, log_to_driver=False, logging_level="error")
            except (ConnectionError, ValueError, RuntimeError) as error:
                problem = f"answers to no cluster ({str(error).splitlines()[0]})"
                raise UsageError(self._address, problem, "start one with `ray start --head`") from error
            self._started = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started:
            self._ray.shutdown()

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Results in the order of the items, which are read only as they are needed.

        Raises:
            DataError: a worker ended without an answer more often than Ray tries again.
        """
        ray = self._ray
        call, shared = ray.remote(_call), ray.put(function)
        workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield from in_order(lambda item: call.remote(shared, item), self._result, items, workers)

    def _result(self, pending: Any) -> Any:
        try:
            return self._ray.get(pending)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            remedy = "use a machine with more memory, or fewer processors"
            raise DataError("ray worker", "ended without an answer", remedy) from error


def _call(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    return function(item)
