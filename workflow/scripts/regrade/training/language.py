"""Training of language models: each token of a text is predicted from those before it, and the network writes texts."""

from collections.abc import Iterator

import numpy as np
import torch

from regrade.datasets.text.reading import END, FIRST_WORD, START
from regrade.languages.prompts import long_prefix, prompts
from regrade.training import batches
from regrade.training.losses import classes, losses
from regrade.training.sampling import continued
from regrade.training.state import RunState
from regrade.training.trainer import Trainer


class LanguageTrainer(Trainer):
    """One run of a language model; its batches are of texts of equal length, so runs cannot be stacked."""

    PURPOSES = (*Trainer.PURPOSES, "samples")

    def begin(self) -> None:
        """The batches of evaluation, and the prompts: the same in all epochs, and the short ones in all runs.

        ValueError for a network that cannot write texts token by token.
        """
        for layer in self.configuration.network:
            if layer.kind == "recurrent" and layer.cell != "lstm":
                raise ValueError(f"texts are continued by an LSTM only, not by {layer.cell}")
            if layer.kind == "recurrent" and layer.recurrent_activation == "hard_sigmoid":
                raise ValueError("texts are continued by an LSTM with the usual sigmoid only")
        data, tokens = self.data, self.settings.batch_tokens
        # Texts of a formal language are always read whole
        assert data.language and tokens and data.train_lengths is not None and data.evaluation_lengths is not None
        self.language, self.batch_tokens, self.train_lengths = data.language, tokens, data.train_lengths
        self.evaluated = batches.similar(data.evaluation_lengths, tokens, equal=True)
        self.symbols = dict(enumerate(self.language.symbols, FIRST_WORD))
        self.ids = {symbol: number for number, symbol in self.symbols.items()}
        self.asked = self.configuration.data.reading
        longest = int(self.train_lengths.max())
        random = np.random.default_rng([self.states[0].seed, longest])
        self.prompts = self._prompts()
        self.long_prompts = [long_prefix(self.language, longest, random) for _ in range(self.asked["long_prompts"])]

    def epoch(self, pieces: int) -> Iterator[Iterator[batches.Block]]:
        """The training texts in batches of equal length: inputs without their last token, targets without the first."""
        (shuffle,) = self.streams["shuffle"]
        drawn = torch.randperm(len(self.train_lengths), generator=shuffle).to(self.device)
        by_length = batches.similar(self.train_lengths, self.batch_tokens, drawn, equal=True)
        order = torch.randperm(len(by_length), generator=shuffle).tolist()
        yield (_shifted(self.data.train_inputs, *by_length[i]) for i in order)

    def evaluate(self) -> dict[str, torch.Tensor]:
        """Loss and accuracy per token of the evaluated texts; the shares of the texts it writes that are valid."""
        loss, correct, count = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64), 0
        for rows, width in self.evaluated:
            inputs, targets = _shifted(self.data.evaluation_inputs, rows, width)
            outputs = self.learner.outputs(inputs)
            loss = loss + losses(outputs, targets, self.settings.loss).sum(dtype=torch.float64)
            correct = correct + (classes(outputs) == targets).sum()
            count += targets.numel()
        split = self.settings.evaluated
        numbers = {f"{split}_loss": loss / count, f"{split}_accuracy": correct / count}
        for kind, given in (
            ("prompted", [prompt for prompt in self.prompts for _ in range(self.asked["samples"])]),
            ("free", [""] * self.asked["free_samples"]),
            ("long", self.long_prompts),
        ):
            numbers[f"valid_{kind}"] = torch.tensor(self._valid_share(kind, given))
        return {name: value.reshape(1).to(self.device) for name, value in numbers.items()}

    def _prompts(self) -> list[str]:
        """Beginnings of training texts, drawn by the seed that drew the texts."""
        asked, random = self.asked, np.random.default_rng(self.configuration.data.options["draw_seed"])
        rows, lengths = self.data.train_inputs.cpu().numpy(), self.train_lengths.tolist()
        texts = [
            "".join(self.symbols[token] for token in row[1 : length - 1].tolist())
            for row, length in zip(rows, lengths, strict=True)
        ]
        return prompts(
            self.language, texts, asked["prompts"], asked["shortest_prompt"], asked["longest_prompt"], random
        )

    def _valid_share(self, kind: str, prompts: list[str]) -> float:
        """Continue the prompts and keep the texts with their verdicts; the share that is valid."""
        given = [[START, *(self.ids[symbol] for symbol in prompt)] for prompt in prompts]
        most, temperature = self.asked["sample_length"], self.asked["temperature"]
        new = continued(self.learner.network, given, END, most, temperature, self.streams["samples"][0])
        texts = [
            prompt + "".join(self.symbols.get(token, "?") for token in tokens)
            for prompt, tokens in zip(prompts, new, strict=True)
        ]
        errors = [self._error(text, ended=len(tokens) < most) for text, tokens in zip(texts, new, strict=True)]
        if kind != "free":
            every = max(round(self.settings.evaluate_every), 1)
            epoch = min(self.states[0].epoch + every, self.settings.epochs)
            self.states[0].samples += [
                {"epoch": epoch, "kind": kind, "prompt": prompt, "text": text, "first_error": error}
                for prompt, text, error in zip(prompts, texts, errors, strict=True)
            ]
        return errors.count(None) / len(errors)

    def _error(self, text: str, ended: bool) -> int | None:
        """Where the text goes wrong, None where it is valid; one that was cut off ends too early, whatever it is."""
        error = self.language.first_error(text)
        return len(text) if error is None and not ended else error

    def kept(self, run: int) -> dict[str, torch.Tensor]:
        """Nothing but the numbers and the samples, which the state has."""
        return {}

    def take_up(self, run: int, state: RunState) -> None:
        """Nothing to take up."""


def _shifted(texts: torch.Tensor, rows: torch.Tensor, width: int) -> batches.Block:
    """Inputs and targets (1, rows, width - 1) of texts of the length `width`."""
    chosen = texts[None, rows, :width]
    return chosen[:, :, :-1], chosen[:, :, 1:].long()
