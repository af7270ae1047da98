"""Texts that a network writes, token by token."""

import torch

from regrade.models.layer import State
from regrade.models.network import Network


@torch.no_grad()
def continued(
    network: Network,
    prompts: list[list[int]],
    end: int,
    most: int,
    temperature: float,
    generator: torch.Generator,
) -> list[list[int]]:
    """What the network of a single run writes after each prompt: the new tokens, without the end.

    Prompts are token ids, at least one each. Tokens are drawn from softmax(logits / temperature) by `generator` on the
    CPU until `end`, or until there are `most` new ones. All prompts are continued side by side, in as many steps as the
    longest takes. A network that has diverged, whose logits are not numbers, ends each text.
    """
    network.eval()
    device = next(network.parameters()).device
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    given = torch.nn.utils.rnn.pad_sequence([torch.tensor(prompt) for prompt in prompts], batch_first=True)
    written: list[list[int]] = [[] for _ in prompts]
    writing = torch.ones(len(prompts), dtype=torch.bool)
    tokens, place = given[:, 0], 0
    states: dict[str, State | None] | None = None
    while writing.any():
        logits, states = network.step(tokens.to(device)[None, :, None], states)
        probabilities = (logits[0, :, 0].cpu() / temperature).softmax(1)
        diverged = ~probabilities.isfinite().all(1)
        probabilities[diverged] = 1
        drawn = torch.multinomial(probabilities, 1, generator=generator)[:, 0].masked_fill(diverged, end)
        place += 1
        inside = place < lengths
        tokens = torch.where(inside, given[:, min(place, given.shape[1] - 1)], drawn)
        writing &= inside | (drawn != end)
        for row in torch.nonzero(writing & ~inside)[:, 0].tolist():
            written[row].append(int(drawn[row]))
            writing[row] = len(written[row]) < most
    return written
