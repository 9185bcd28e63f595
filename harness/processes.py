"""Several processes that train one model together (`accelerate launch`, `torchrun`).

Every process runs the same code on the same plan. They differ in three things: which rows of a batch,
which texts to predict and which attacks are theirs; the first alone writes files and speaks; and each
draws its own noise. Whatever decides anything is made the same everywhere before it decides. In one
process all of this is the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from harness import dividing
from harness.launcher import launched

T = TypeVar("T")
R = TypeVar("R")


def join() -> None:
    """Meet the others that a launcher started; nothing happens where there are none.

    Raises HarnessError as `dividing.asked`.
    """
    dividing.prepare()
    if launched() > 1 and not dist.is_initialized():
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def count() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0."""
    return dist.get_rank() if count() > 1 else 0


def is_first() -> bool:
    """Whether it is this one that writes and speaks."""
    return rank() == 0


def wait() -> None:
    """Until all have come this far."""
    if count() > 1:
        dist.barrier()


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, everywhere; it is called there alone."""
    if count() == 1:
        return make()
    found: list[T | None] = [make() if is_first() else None]
    # Pickled from process to process, never from a file.
    dist.broadcast_object_list(found, src=0)
    return found[0]  # type: ignore[return-value]


def shared_out(items: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> list[R]:
    """The results of `work`, which gets a part of the items in each process; all of them, in order."""
    if count() == 1:
        return list(work(items))
    parts: list[list[R]] = [[] for _ in range(count())]
    dist.all_gather_object(parts, list(work(items[rank() :: count()])))
    return [parts[place % count()][place // count()] for place in range(len(items))]


def total(*values: float) -> list[float]:
    """Each number, summed over the processes."""
    if count() == 1:
        return list(values)
    summed = torch.tensor(values, dtype=torch.float64, device=_device())
    dist.all_reduce(summed)
    return [float(value) for value in summed.tolist()]


def rows_of_all(mine: Tensor) -> Tensor:
    """The rows, first dimension, of the tensors of all processes, in the order of these."""
    if count() == 1:
        return mine
    lengths: list[int] = [0] * count()
    dist.all_gather_object(lengths, len(mine))
    padded = mine.new_zeros(max(lengths), *mine.shape[1:])
    padded[: len(mine)] = mine
    found = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(found, padded)
    return torch.cat([rows[:length] for rows, length in zip(found, lengths, strict=True)])


def agreed(mine: Tensor) -> Tensor:
    """The first process's tensor, everywhere; of the same shape and type in each."""
    if count() > 1:
        dist.broadcast(mine, src=0)
    return mine


def _device() -> torch.device:
    """Where the process group computes."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
