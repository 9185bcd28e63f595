"""A distribution over texts that follows gradients (Guo et al., EMNLP 2021, arXiv:2104.13733).

Each place of a text has a row of coefficients over the vocabulary, the matrix Theta; a text is drawn by
the Gumbel softmax of its rows, soft while it is fitted and hard in the end. Gradients are taken by hand
from the drawn mixtures to Theta, so that no graph holds several matrices as wide as the vocabulary.
"""

from __future__ import annotations

import numpy as np
import torch

from attacks.questions import Relaxation


class Distribution:
    """Theta, and the numbers that are drawn for it.

    Noise comes from numpy, a stream for each seed: it is the same on every device.

    Args:
        own: for each place which of the vocabulary's tokens stands there.
        vocabulary: how many there are.
    """

    def __init__(self, own: torch.Tensor, vocabulary: int, how: Relaxation, seed: int) -> None:
        self.theta = torch.zeros(len(own), vocabulary, device=own.device)
        self.theta[torch.arange(len(own), device=own.device), own] = how.coefficient
        self._how = how
        self._rng = np.random.default_rng(seed)
        self._adam = torch.optim.Adam([self.theta], lr=how.rate)

    def mixtures(self) -> torch.Tensor:
        """Soft texts, shape (batch, places, vocabulary): each row sums to one (equation 3)."""
        return torch.stack([self._soft() for _ in range(self._how.batch)])

    def step(self, mixtures: torch.Tensor, gradient: torch.Tensor) -> None:
        """One step of Adam against the gradient of the loss at the mixtures, of the same shape."""
        inner = (mixtures * gradient).sum(-1, keepdim=True)
        self.theta.grad = (mixtures * (gradient - inner)).sum(0) / self._how.temperature
        self._adam.step()

    def sample(self) -> list[int]:
        """A text: for each place one of the vocabulary's tokens."""
        found: list[int] = (self.theta + self._noise()).argmax(-1).tolist()
        return found

    def _soft(self) -> torch.Tensor:
        return torch.softmax((self.theta + self._noise()) / self._how.temperature, -1)

    def _noise(self) -> torch.Tensor:
        """Draws from the Gumbel distribution, one for each coefficient."""
        uniform = torch.from_numpy(self._rng.random(tuple(self.theta.shape), dtype=np.float32))
        smallest = torch.finfo(torch.float32).tiny
        return -(-uniform.clamp(min=smallest).log()).clamp(min=smallest).log().to(self.theta.device)
